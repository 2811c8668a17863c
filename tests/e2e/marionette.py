"""Starts Thunderbird (or Firefox) without a display and talks to its automation protocol (Marionette, JSON over TCP); standard library only.

Used by thunderbird.py.
"""
import json
import os
import socket
import subprocess
import sys
import time

LIMIT = 180  # seconds for any step, and for the start: a busy machine needs more than a minute

# Answers dialogs as a user does: types into the field and presses the button. While such a dialog is open, the application
# does not answer Marionette; so this waits for the dialogs inside the application. It presses Cancel when it has no more PINs, and in
# other dialogs when their text contains one of the texts in "refused".
ANSWER_DIALOGS = r"""
const state = (window.jpki = { pins: [], refused: [], seen: [] });
Services.ww.registerNotification((dialog, topic) => {
  if (topic != "domwindowopened") return;
  const answer = () => {
    const text = dialog.document.getElementById("infoBody")?.textContent;
    const element = dialog.document.getElementById("commonDialog");
    if (!text || !element) { dialog.setTimeout(answer, 20); return; }
    state.seen.push(text);
    if (dialog.args.promptType == "promptPassword") {
      if (!state.pins.length) { element.cancelDialog(); return; }
      dialog.document.getElementById("password1Textbox").value = state.pins.shift();
    } else if (state.refused.some(one => text.includes(one))) {
      element.cancelDialog();
      return;
    }
    element.acceptDialog();
  };
  dialog.addEventListener("load", () => {
    if (dialog.location.href.endsWith("/commonDialog.xhtml")) answer();
  }, { once: true });
});
"""

# each(visit): calls visit(module, token) for every token that is present.
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


class Application:
    """A running Firefox or Thunderbird; its output is in NAME.log in the profile."""

    def __init__(self, name, command, profile):
        self.name = name
        log = os.path.join(profile, f"{name}.log")
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                [*command, "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", profile],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        port_file = os.path.join(profile, "MarionetteActivePort")
        port = self.until(lambda: self.process.poll() is None and os.path.exists(port_file) and open(port_file).read())
        if not port:
            self.process.kill()
            sys.exit(f"{name} did not start: see {log}")
        self.socket = socket.create_connection(("127.0.0.1", int(port)), LIMIT)
        self.socket.settimeout(None)  # the application answers when it is idle; the test has a limit for the whole run
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
                sys.exit(f"{self.name} ended")
            length += byte
        return json.loads(self.stream.read(int(length[:-1])))

    def call(self, name, parameters=None):
        self.number += 1
        message = json.dumps([0, self.number, name, parameters or {}]).encode()
        self.socket.sendall(str(len(message)).encode() + b":" + message)
        _, _, error, result = self.receive()
        if error and error["error"] == "unexpected alert open":
            return {"value": None}  # a PIN dialog, which ANSWER_DIALOGS answers
        if error:
            raise RuntimeError(error["message"])
        return result

    def script(self, text, *arguments, context="chrome"):
        self.call("Marionette:SetContext", {"value": context})
        return self.call("WebDriver:ExecuteScript", {"script": text, "args": list(arguments)})["value"]

    def wait_for_token(self, token, present):
        if not self.until(lambda: (token in (self.script(TOKENS) or "")) == present):
            sys.exit(f"after {LIMIT} seconds the token {token} is still {'missing' if present else 'there'}")

    @staticmethod
    def until(condition):
        """The condition's first true result, or its last one after LIMIT seconds."""
        end = time.monotonic() + LIMIT
        while not (result := condition()) and time.monotonic() < end:
            time.sleep(0.05)
        return result

    def end(self):
        try:
            self.call("Marionette:Quit", {"flags": ["eForceQuit"]})
            self.process.wait(LIMIT)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
