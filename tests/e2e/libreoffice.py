#!/usr/bin/env python3
"""Has LibreOffice, without a window, export a signed PDF, through its UNO interface (python3-uno).

libreoffice.py DIRECTORY PDF PIN...  a new profile in DIRECTORY; PINs: what to answer when LibreOffice asks, one after
                                     the other; after that "cancel". Prints the questions and the certificates.
LibreOffice takes certificates and keys from the NSS database in MOZILLA_CERTIFICATE_FOLDER.
"""
import os
import signal
import subprocess
import sys
import time

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.lang import DisposedException, XServiceInfo, XSingleComponentFactory
from com.sun.star.security import NoPasswordException
from com.sun.star.task import (
    DocumentPasswordRequest2, XInteractionAbort, XInteractionHandler2, XInteractionPassword)

LIMIT = 60  # seconds for the start
DIALOGS = "com.sun.star.comp.uui.UUIInteractionHandler"  # shows a dialog for every question


def repair_questions():
    """Questions are exceptions in UNO; python3-uno sets args on them, which its own classes reject."""
    usual = DocumentPasswordRequest2.__setattr__

    def setter(self, name, content):
        if name != "args":
            usual(self, name, content)

    DocumentPasswordRequest2.__setattr__ = setter


class Answers(unohelper.Base, XInteractionHandler2, XServiceInfo):
    """Answers in place of LibreOffice's dialogs: there is no display."""

    def __init__(self, pins):
        self.pins = pins

    def handle(self, request):
        self.handleInteractionRequest(request)

    def handleInteractionRequest(self, request):
        question = request.getRequest()
        print(f"asked: {question.Name} ({question.Mode.value})", flush=True)
        wanted = XInteractionPassword if self.pins else XInteractionAbort
        for continuation in request.getContinuations():
            answer = continuation.queryInterface(uno.getTypeByName(wanted.__pyunointerface__))
            if answer:
                if self.pins:
                    answer.setPassword(self.pins.pop(0))
                answer.select()
                return True
        return False

    def getImplementationName(self):
        return "jpki.test.Answers"

    def supportsService(self, name):
        return name in self.getSupportedServiceNames()

    def getSupportedServiceNames(self):
        return ("com.sun.star.task.InteractionHandler",)


class Factory(unohelper.Base, XSingleComponentFactory, XServiceInfo):
    def __init__(self, answers):
        self.answers = answers

    def createInstanceWithContext(self, _context):
        return self.answers

    def createInstanceWithArgumentsAndContext(self, _arguments, _context):
        return self.answers

    def getImplementationName(self):
        return self.answers.getImplementationName()

    def supportsService(self, name):
        return self.answers.supportsService(name)

    def getSupportedServiceNames(self):
        return self.answers.getSupportedServiceNames()


def connected(process, pipe):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    end = time.monotonic() + LIMIT
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except NoConnectException:
            if process.poll() is not None or time.monotonic() > end:
                sys.exit("LibreOffice did not start: see libreoffice.log")
            time.sleep(0.1)


def value(name, content):
    return PropertyValue(Name=name, Value=content)


def export(context, target):
    services = context.ServiceManager
    desktop = services.createInstanceWithContext("com.sun.star.frame.Desktop", context)
    document = desktop.loadComponentFromURL("private:factory/swriter", "_blank", 0, (value("Hidden", True),))
    document.Text.setString("To be signed.")
    initializer = services.createInstanceWithContext("com.sun.star.xml.crypto.SEInitializer", context)
    environment = initializer.createSecurityContext("").getSecurityEnvironment()
    try:
        certificates = environment.getPersonalCertificates()
    except NoPasswordException:
        print("error: NoPasswordException", flush=True)
        sys.exit(1)
    for certificate in certificates:
        print("certificate:", certificate.SubjectName, flush=True)
    if len(certificates) != 1:
        sys.exit(f"{len(certificates)} certificates instead of one")
    settings = uno.Any("[]com.sun.star.beans.PropertyValue", (
        value("SignPDF", True), value("SignatureCertificate", certificates[0]), value("SignatureReason", "a test")))
    document.storeToURL(uno.systemPathToFileUrl(target), (
        value("FilterName", "writer_pdf_Export"), value("FilterData", settings)))
    document.close(True)
    return desktop


def main(directory, target, pins):
    os.makedirs(directory)
    repair_questions()
    pipe = f"jpki-{os.getpid()}"
    with open(os.path.join(directory, "libreoffice.log"), "wb") as log:
        # A process group of its own: LibreOffice starts more processes.
        process = subprocess.Popen(
            ["soffice", "--headless", "--norestore", "--nologo", "--nodefault", "--nofirststartwizard",
             f"-env:UserInstallation={uno.systemPathToFileUrl(directory + '/profile')}",
             f"--accept=pipe,name={pipe};urp"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        context = connected(process, pipe)
        context.ServiceManager.remove(DIALOGS)
        context.ServiceManager.insert(Factory(Answers(pins)))
        desktop = export(context, target)
        try:
            desktop.terminate()
        except DisposedException:
            pass  # it ends before it answers
        process.wait(LIMIT)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3:])
