#!/usr/bin/env python3
"""Drives Firefox through its automation protocol (Marionette, JSON over TCP), with the standard library only.

firefox.py PROFILE STEP...     starts Firefox without a display, takes the steps, prints what they find, ends Firefox
  tokens        module and token names, as the device manager shows them
  gone:TOKEN    waits until a token has gone
  back:TOKEN    waits until it is back
  certificates  the names of certificates that can be used for logging in to sites, without asking for a PIN
  pins:A,B      what to answer when Firefox asks for a PIN: first A, then B; after that "cancel"
  prompts:NAME  what Firefox has asked since the last time; NAME tells one such step from another
  page:URL      opens a page and prints its text, or "error: ..." if there is none
  logout        forgets that the PIN was given
  run:COMMAND   runs a shell command in between
"""
import base64
import json
import os
import socket
import subprocess
import sys
import time

LIMIT = 60  # seconds for any step

# Answers PIN dialogs as a user does: types into the field and presses the button. While such a dialog is open, Firefox
# does not answer Marionette; so this waits for the dialogs inside Firefox.
ANSWER_DIALOGS = r"""
const state = (window.jpki = { pins: [], seen: [] });
Services.ww.registerNotification((dialog, topic) => {
  if (topic != "domwindowopened") return;
  const answer = () => {
    const text = dialog.document.getElementById("infoBody")?.textContent;
    const element = dialog.document.getElementById("commonDialog");
    if (!text || !element) { dialog.setTimeout(answer, 20); return; }
    state.seen.push(text);
    if (!state.pins.length) { element.cancelDialog(); return; }
    dialog.document.getElementById("password1Textbox").value = state.pins.shift();
    element.acceptDialog();
  };
  dialog.addEventListener("load", () => {
    if (dialog.location.href.endsWith("/commonDialog.xhtml")) answer();
  }, { once: true });
});
"""

EVERY_TOKEN = r"""
const each = async visit => {
  const modules = Cc["@mozilla.org/security/pkcs11moduledb;1"].getService(Ci.nsIPKCS11ModuleDB);
  for (const one of await modules.listModules()) {
    const module = one.QueryInterface(Ci.nsIPKCS11Module);
    for (const slot of module.slots ?? module.listSlots())  // listSlots() until some version after ESR 140
      if (slot.QueryInterface(Ci.nsIPKCS11Slot).status != Ci.nsIPKCS11Slot.SLOT_NOT_PRESENT) visit(module, slot.getToken());
  }
};
"""

TOKENS = EVERY_TOKEN + r"""
const found = [];
return each((module, token) => found.push(module.name + ": " + token.tokenName)).then(() => found.join("\n"));
"""

CERTIFICATES = r"""
const tree = Cc["@mozilla.org/security/nsCertTree;1"].createInstance(Ci.nsICertTree);
tree.loadCertsFromCache(Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).getCerts(),
                        Ci.nsIX509Cert.USER_CERT);
const found = [];
for (let row = 0; row < tree.rowCount; row++) {
  const certificate = tree.getCert(row);
  if (certificate) found.push(certificate.tokenName + ": " + certificate.commonName);
}
return found.join("\n");
"""

LOGOUT = EVERY_TOKEN + r"""
// Until some version after ESR 140 one call did both.
const out = token => token.logout ? token.logout() : token.logoutAndDropAuthenticatedResources();
return each((module, token) => { if (token.isLoggedIn && module.name.toUpperCase() == "JPKI") out(token); })
  .then(() => Cc["@mozilla.org/psm;1"].getService(Ci.nsINSSComponent).clearTLSCacheAndCancelAllConnections?.());
"""


class Firefox:
    def __init__(self, profile):
        self.log = open(os.path.join(profile, "firefox.log"), "wb")
        self.process = subprocess.Popen(
            ["firefox-esr", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote",
             "--profile", profile, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        port_file = os.path.join(profile, "MarionetteActivePort")
        port = self.until(lambda: self.process.poll() is None and os.path.exists(port_file) and open(port_file).read())
        if not port:
            sys.exit("Firefox did not start: see firefox.log")
        self.socket = socket.create_connection(("127.0.0.1", int(port)), LIMIT)
        self.stream = self.socket.makefile("rb")
        self.number = 0
        self.receive()  # the server's greeting
        self.call("WebDriver:NewSession", {"acceptInsecureCerts": True, "unhandledPromptBehavior": "ignore",
                                           "timeouts": {"pageLoad": LIMIT * 1000, "script": LIMIT * 1000}})

    def receive(self):
        length = b""
        while not length.endswith(b":"):
            byte = self.stream.read(1)
            if not byte:
                sys.exit("Firefox ended")
            length += byte
        return json.loads(self.stream.read(int(length[:-1])))

    def call(self, name, parameters=None):
        self.number += 1
        message = json.dumps([0, self.number, name, parameters or {}]).encode()
        self.socket.sendall(str(len(message)).encode() + b":" + message)
        _, _, error, result = self.receive()
        if error and error["error"] == "unexpected alert open":
            return {"value": None}  # a PIN dialog, which the script in Firefox answers
        if error:
            raise RuntimeError(error["message"])
        return result

    def script(self, text, *arguments, context="chrome"):
        self.call("Marionette:SetContext", {"value": context})
        return self.call("WebDriver:ExecuteScript", {"script": text, "args": list(arguments)})["value"]

    @staticmethod
    def until(condition):
        end = time.monotonic() + LIMIT
        while not (result := condition()) and time.monotonic() < end:
            time.sleep(0.05)
        return result

    def page(self, address):
        self.call("Marionette:SetContext", {"value": "content"})
        try:
            self.call("WebDriver:Navigate", {"url": address})
        except RuntimeError as error:
            if "error page" not in str(error):
                return f"error: {error}"
        # Firefox also answers while a PIN dialog is open, and then the previous document is still loaded.
        text = self.until(lambda: self.script(
            "const address = document.documentURI;"
            "const failed = new URLSearchParams(address.split('?')[1]).get('u');"
            "if (address.startsWith('about:neterror') && failed == arguments[0]) return 'error: ' + address;"
            "return address == arguments[0] ? document.documentElement?.innerText : null", address, context="content"))
        if not text or text.startswith("error: "):
            picture = self.call("WebDriver:TakeScreenshot", {"full": False})["value"] or ""
            with open("screenshot.png", "wb") as file:  # kept with the logs if the test fails
                file.write(base64.b64decode(picture))
        return text or f"error: nothing on the page after {LIMIT} seconds"

    def end(self):
        try:
            self.call("Marionette:Quit", {"flags": ["eForceQuit"]})
            self.process.wait(LIMIT)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()


def main(profile, steps):
    firefox = Firefox(profile)
    try:
        firefox.script(ANSWER_DIALOGS)
        for step in steps:
            name, _, value = step.partition(":")
            print(f"== {step}", flush=True)  # a step of "run" writes to the same file
            if name == "tokens":
                print(firefox.script(TOKENS))
            elif name in ("gone", "back"):
                if not firefox.until(lambda: (value in firefox.script(TOKENS)) == (name == "back")):
                    sys.exit(f"after {LIMIT} seconds the token is still not {name}")
            elif name == "certificates":
                print(firefox.script(CERTIFICATES))
            elif name == "pins":
                firefox.script("window.jpki.pins = arguments[0];", value.split(","))
            elif name == "prompts":
                print(firefox.script('return window.jpki.seen.splice(0).join("\\n")'))
            elif name == "page":
                print(firefox.page(value))
            elif name == "logout":
                firefox.script(LOGOUT)
            elif name == "run":
                subprocess.run(value, shell=True, check=True)
            else:
                sys.exit(f"no such step: {step}")
            sys.stdout.flush()
    finally:
        firefox.end()


main(sys.argv[1], sys.argv[2:])
