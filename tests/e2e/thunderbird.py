#!/usr/bin/env python3
"""Drives Thunderbird through its automation protocol (marionette.py): an account that signs with S/MIME, and a mail server for it.

thunderbird.py PROFILE STEP...   starts Thunderbird without a display, takes the steps, prints what they find, ends Thunderbird
  choose:TEXT   the account settings' "Select..." for the signing certificate; prints what the dialog offers, selects the entry that
                contains TEXT (none: cancels), prints what the settings then show
  trust:FILE    imports a CA's certificate (DER) and trusts it for e-mail, as the certificate manager's "Import..." does
  send:SUBJECT  writes a message with this subject in a new window and sends it; prints "sent", or "not sent"
  read:FILE     opens a message from a file and prints what Thunderbird says of its signature
  gone:TOKEN    waits until a token has gone
  back:TOKEN    waits until it is back
  pins:A,B      what to answer when Thunderbird asks for a PIN: first A, then B; after that "cancel"
  prompts:NAME  what Thunderbird has asked or said in dialogs since the last time; NAME tells one such step from another
  run:COMMAND   runs a shell command in between
The mail server writes the messages that it gets to message-1.eml, message-2.eml ... in PROFILE.
"""
import base64
import os
import socketserver
import sys
import threading

from marionette import Application

ADDRESS = "taro@example.jp"

# The account, and nothing at the start that asks the user or the network.
PREFERENCES = {
    "mail.account.account1.server": "server1",
    "mail.account.account1.identities": "id1",
    "mail.accountmanager.accounts": "account1",
    "mail.accountmanager.defaultaccount": "account1",
    "mail.server.server1.type": "pop3",
    "mail.server.server1.hostname": "127.0.0.1",
    "mail.server.server1.userName": "taro",
    "mail.server.server1.name": ADDRESS,
    "mail.server.server1.login_at_startup": False,
    "mail.server.server1.check_new_mail": False,
    "mail.identity.id1.fullName": "Taro",
    "mail.identity.id1.useremail": ADDRESS,
    "mail.identity.id1.smtpServer": "smtp1",
    "mail.identity.id1.fcc": False,
    "mail.identity.id1.compose_html": False,
    "mail.smtpservers": "smtp1",
    "mail.smtp.defaultserver": "smtp1",
    "mail.smtpserver.smtp1.hostname": "127.0.0.1",
    "mail.smtpserver.smtp1.authMethod": 1,  # none
    "mail.smtpserver.smtp1.try_ssl": 0,
    "mailnews.start_page.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.spotlight.firstRunDone": True,
    "mail.rights.version": 1,
    "mail.openMessageBehavior": 0,  # in a window of its own
    "mail.shell.checkDefaultClient": False,
    "mailnews.database.global.indexer.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "services.settings.server": "data:,none",
    "app.donation.eoy.version.viewed": 999,
    "marionette.port": 0,
}

# Opens the account settings at "End-To-End Encryption", and does what its button "Select..." does. Answers the list of certificates.
CHOOSE = r"""
const wanted = arguments[0];
const state = Object.assign(window.jpki, { chosen: null, refused: ["configure an encryption certificate"] });
Services.ww.registerNotification(function answer(dialog, topic) {
  if (topic != "domwindowopened") return;
  dialog.addEventListener("load", () => {
    if (!dialog.location.href.endsWith("/certpicker.xhtml")) return;
    Services.ww.unregisterNotification(answer);
    dialog.setTimeout(() => {
      const list = dialog.document.getElementById("nicknames");
      const items = [...list.menupopup.children];
      items.forEach(item => state.seen.push("offered: " + item.label));
      const item = items.find(one => one.label.includes(wanted));
      if (item) list.selectedItem = item;
      const element = dialog.document.querySelector("dialog");
      if (item) element.acceptDialog(); else element.cancelDialog();
    }, 0);
  }, { once: true });
});
(async () => {
  const tabs = document.getElementById("tabmail");
  const tab = tabs.openTab("contentTab", { url: "about:accountsettings" });
  const until = async condition => { while (!condition()) await new Promise(resolve => setTimeout(resolve, 50)); };
  await until(() => tab.browser?.contentWindow?.currentPageId);  // the page that it shows first
  const settings = tab.browser.contentWindow;
  settings.selectServer(MailServices.accounts.accounts[0].incomingServer, "am-e2e.xhtml");
  const frame = settings.document.getElementById("contentFrame");
  await until(() => frame.contentWindow.gSignCertName?.dbKey !== undefined);
  const page = frame.contentWindow;
  await page.smimeSelectCert("identity_signing_cert_name");
  const always = page.document.getElementById("identity_sign_mail");  // "Sign unencrypted messages"
  if (page.gSignCertName.value && !always.checked) always.click();
  state.chosen = "signing certificate: " + page.gSignCertName.value;
  tabs.closeTab(tab);
})().catch(error => { state.chosen = "error: " + error; });
"""

# Writes and sends a message as a user does; the mail goes out when the window has closed.
SEND = r"""
const subject = arguments[0];
const state = Object.assign(window.jpki, { sent: null });
const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
Object.assign(fields, { to: "hanako@example.jp", subject, body: "To be signed.\nTwo lines.\n" });
const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
Object.assign(parameters, { composeFields: fields, format: Ci.nsIMsgCompFormat.PlainText,
                            identity: MailServices.accounts.accounts[0].defaultIdentity });
Services.ww.registerNotification(function opened(compose, topic) {
  if (topic != "domwindowopened") return;
  compose.addEventListener("compose-editor-ready", async () => {
    Services.ww.unregisterNotification(opened);
    await compose.SendMessage();
    // The window is still open if the message was not sent; a dialog has said why.
    state.sent = compose.closed ? "sent" : "not sent";
    if (compose.closed) return;
    compose.SetContentAndBodyAsUnmodified();
    compose.close();
  }, { once: true });
});
MailServices.compose.OpenComposeWindowWithParams(null, parameters);
"""

TRUST = r"""
const flags = ",C,";  // for web sites, e-mail, software
Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(arguments[0], flags);
"""

READ = r"""
const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
file.initWithPath(arguments[0]);
const { MailUtils } = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
MailUtils.openEMLFile(window, file, Services.io.newFileURI(file));
"""
# Once it has verified the signature: the texts of the panel for the message's security, and whether the message has the icon for signed ones.
READ_RESULT = r"""
const page = Services.wm.getMostRecentWindow("mail:messageWindow")?.messageBrowser?.contentWindow;
if ((page?.gSignatureStatus ?? -1) == -1) return null;
page.loadSmimeMessageSecurityInfo();
const text = name => page.document.getElementById(name).textContent;
return [text("signatureLabel"), text("signatureHeader"), text("signatureExplanation"),
        "icon: " + (page.document.getElementById("signedHdrIcon").hidden ? "none" : "shown")].join("\n");
"""


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as it takes to receive messages."""

    def handle(self):
        self.answer("220 localhost")
        while line := self.rfile.readline():
            command = line.strip().upper()
            if command == b"DATA":
                self.answer("354 go on")
                self.server.keep(self.message())
                self.answer("250 ok")
            elif command == b"QUIT":
                self.answer("221 bye")
                return
            else:
                self.answer("250 localhost")

    def answer(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def message(self):
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, directory):
        super().__init__(("127.0.0.1", 0), Mail)
        self.directory = directory
        self.number = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def keep(self, message):
        self.number += 1
        with open(os.path.join(self.directory, f"message-{self.number}.eml"), "wb") as file:
            file.write(message)


def write_preferences(profile, port):
    def text(value):
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, int) else f'"{value}"'

    with open(os.path.join(profile, "user.js"), "w") as file:
        for name, value in {**PREFERENCES, "mail.smtpserver.smtp1.port": port}.items():
            file.write(f'user_pref("{name}", {text(value)});\n')


def main(profile, steps):
    profile = os.path.abspath(profile)
    os.makedirs(profile, exist_ok=True)
    server = MailServer(profile)
    write_preferences(profile, server.server_address[1])
    # It answers when it is idle, and the test has a limit for the whole run. The start takes over a minute on a busy machine.
    thunderbird = Application("thunderbird", ["thunderbird"], profile, limit=180)

    def result(start, script, value):
        thunderbird.script(start, value)
        return thunderbird.until(lambda: thunderbird.script(script))

    def trust(path):
        with open(path, "rb") as file:
            thunderbird.script(TRUST, base64.b64encode(file.read()).decode())

    thunderbird.take_steps(steps, {
        "choose": lambda text: result(CHOOSE, "return window.jpki.chosen", text),
        "send": lambda subject: result(SEND, "return window.jpki.sent", subject),
        "read": lambda path: result(READ, READ_RESULT, os.path.abspath(path)),
        "trust": trust,
    })


main(sys.argv[1], sys.argv[2:])
