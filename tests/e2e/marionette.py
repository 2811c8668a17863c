"""Starts Thunderbird (or Firefox) without a display and talks to its automation protocol (Marionette, JSON over TCP); standard library only.

Used by firefox.py and thunderbird.py.
"""
import json
import os
import socket
import subprocess
import sys
import time

# Answers dialogs as a user does: types into the field and presses the button. While such a dialog is open, the application
# does not answer Marionette; so this waits for the dialogs inside the application. It presses Cancel when it has no more PINs, and in
# other dialogs when their text contains one of the texts in "refused", which is its argument.
ANSWER_DIALOGS = r"""
const state = (window.jpki = { pins: [], refused: arguments[0], seen: [] });
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
    """A running Firefox or Thunderbird; its output is in NAME.log in the profile.

    `limit`: seconds for the start and for any step; `answer_limit`: for one answer, None where only the whole run has a limit.
    """

    def __init__(self, name, command, profile, limit, answer_limit=None):
        self.name = name
        self.limit = limit
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
        self.socket = socket.create_connection(("127.0.0.1", int(port)), limit)
        self.socket.settimeout(answer_limit)
        self.stream = self.socket.makefile("rb")
        self.number = 0
        self.receive()  # the server's greeting
        self.call("WebDriver:NewSession", {"acceptInsecureCerts": True, "unhandledPromptBehavior": "ignore",
                                           "timeouts": {"pageLoad": limit * 1000, "script": limit * 1000}})

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
            sys.exit(f"after {self.limit} seconds the token {token} is still {'missing' if present else 'there'}")

    def until(self, condition):
        """The condition's first true result, or its last one after the limit."""
        end = time.monotonic() + self.limit
        while not (result := condition()) and time.monotonic() < end:
            time.sleep(0.05)
        return result

    def end(self):
        try:
            self.call("Marionette:Quit", {"flags": ["eForceQuit"]})
            self.process.wait(self.limit)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()

    @staticmethod
    def run(command):
        subprocess.run(command, shell=True, check=True)

    def take_steps(self, steps, own, refused=()):
        """Takes the steps, prints what they find, and ends the application. `own`: what it does besides the steps that all of them
        have, as functions of a step's value; what they return is printed. `refused`: see ANSWER_DIALOGS."""
        common = {
            "tokens": lambda _: self.script(TOKENS),
            "gone": lambda token: self.wait_for_token(token, False),
            "back": lambda token: self.wait_for_token(token, True),
            "pins": lambda pins: self.script("window.jpki.pins = arguments[0];", pins.split(",")),
            "prompts": lambda _: self.script('return window.jpki.seen.splice(0).join("\\n")'),
            "run": self.run,
        }
        try:
            self.script(ANSWER_DIALOGS, list(refused))
            for step in steps:
                name, _, value = step.partition(":")
                print(f"== {step}", flush=True)  # a step of "run" writes to the same file
                take = own.get(name) or common.get(name) or sys.exit(f"no such step: {step}")
                found = take(value)
                if found is not None:
                    print(found)
                sys.stdout.flush()
        finally:
            self.end()
