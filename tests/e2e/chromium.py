#!/usr/bin/env python3
"""Drives Chromium on a display of its own (Xvfb) through its DevTools protocol, with the standard library only.

chromium.py DIRECTORY STEP...  starts Chromium with a new profile in DIRECTORY, takes the steps, prints what they find
  option:OPTION  a command line option for Chromium; before all other steps
  pins:A,B       what to type when Chromium asks for a PIN: first A, then B; after that "cancel"
  prompts:NAME   the titles of the windows that have asked since the last time; NAME tells one such step from another
  page:URL       opens a page and prints its text, or "error: ..." if there is none
  run:COMMAND    runs a shell command in between
Pictures of the display, taken when a page does not come, are in DIRECTORY/screen-N.png (with ImageMagick).
Runs inside private-pcscd.
"""
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time

from display import Display, focus, xdotool

LIMIT = 60  # seconds for any step
TITLE = "^Unlock Security Device"  # of the windows that ask for a PIN
PAGE = "document.readyState == 'complete' && document.documentElement.innerText"
OPTIONS = [
    "--no-first-run", "--no-default-browser-check", "--disable-gpu", "--disable-quic", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--password-store=basic", "--remote-debugging-pipe",
]


class Prompts(threading.Thread):
    """Answers the windows that ask for a PIN as a user does: types, and presses Return."""

    def __init__(self):
        super().__init__(daemon=True)
        self.pins = []
        self.seen = []

    def run(self):
        while True:
            for window in xdotool("search", "--onlyvisible", "--name", TITLE)[:1]:
                title = xdotool("getwindowname", window)
                if title:
                    self.seen.extend(title)
                    self.answer(window)
            time.sleep(0.1)

    def answer(self, window):
        if not focus(window):
            return
        if self.pins:
            xdotool("type", "--delay", "50", self.pins.pop(0))
            xdotool("key", "Return")
        else:
            xdotool("key", "Escape")
        while xdotool("getwindowname", window):
            time.sleep(0.1)


class Chromium:
    def __init__(self, directory, options, display):
        self.display = display
        self.log = open(os.path.join(directory, "chromium.log"), "wb")
        from_us, self.write = os.pipe()
        self.read, to_us = os.pipe()
        # DevTools uses the descriptors 3 and 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec chromium "$@" 3<&{from_us} 4>&{to_us}', "chromium", *OPTIONS,
             f"--user-data-dir={directory}/profile", *(["--no-sandbox"] if os.getuid() == 0 else []), *options,
             "about:blank"],
            pass_fds=[from_us, to_us], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        os.close(from_us)
        os.close(to_us)
        self.rest = b""
        self.number = 0
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self.call("Page.enable", session=True)

    def receive(self):
        while b"\0" not in self.rest:
            if not select.select([self.read], [], [], LIMIT)[0]:
                raise RuntimeError(f"nothing from Chromium for {LIMIT} seconds")
            data = os.read(self.read, 65536)
            if not data:
                raise RuntimeError("Chromium ended: see chromium.log")
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, parameters=None, session=False):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while (answer := self.receive()).get("id") != self.number:
            pass
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    def page(self, address):
        """Page.navigate answers when the page begins to load, and not while a window asks for a PIN."""
        try:
            error = self.call("Page.navigate", {"url": address}, session=True).get("errorText")
            end = time.monotonic() + LIMIT
            while not error and time.monotonic() < end:
                result = self.call("Runtime.evaluate", {"expression": PAGE}, session=True)["result"]
                if result.get("value"):
                    return result["value"]
                time.sleep(0.05)
            error = error or f"nothing on the page after {LIMIT} seconds"
        except RuntimeError as problem:
            error = str(problem)
        self.display.picture()
        return f"error: {error}"

    def end(self):
        try:
            self.call("Browser.close")
            self.process.wait(LIMIT)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def steps_of(chromium, prompts, steps):
    for step in steps:
        name, _, value = step.partition(":")
        print(f"== {step}")
        if name == "pins":
            prompts.pins = value.split(",")
        elif name == "prompts":
            print("\n".join(prompts.seen))
            prompts.seen = []
        elif name == "page":
            print(chromium.page(value))
        elif name == "run":
            subprocess.run(value, shell=True, check=True)
        else:
            sys.exit(f"no such step: {step}")
        sys.stdout.flush()


def main(directory, steps):
    os.makedirs(directory)
    options = [step.partition(":")[2] for step in steps if step.startswith("option:")]
    display = Display(directory)
    try:
        chromium = Chromium(directory, options, display)
        prompts = Prompts()
        prompts.start()
        try:
            steps_of(chromium, prompts, [step for step in steps if not step.startswith("option:")])
        except BaseException:
            display.picture()
            raise
        finally:
            chromium.end()
    finally:
        display.end()


signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # with a screenshot, and without leftover processes
main(os.path.abspath(sys.argv[1]), sys.argv[2:])
