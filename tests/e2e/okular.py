#!/usr/bin/env python3
"""Has Okular sign a PDF, on a display of its own (display.py), as a user does: Tools > Digitally Sign..., a rectangle, Save.

okular.py DIRECTORY PDF PASSWORD...  signs PDF once for each "cancel" and once at the end; PASSWORDs are what to type when Okular
                                     asks, one after the other, or "cancel". Prints the windows that ask.
Okular proposes the name NAME_signed.pdf; this waits until it shows that file. Pictures of the display, taken when it does not, are in
DIRECTORY/screen-N.png. Runs inside private-pcscd and a D-Bus session.
"""
import os
import signal
import subprocess
import sys
import time

from display import Display, focus, xdotool

LIMIT = 240  # seconds for any step: a busy machine needs more than a minute
PASSWORD = "^Enter Password"
SMALL = "^Question"  # whether a signature of this size is readable
CERTIFICATE = "^Select certificate to sign with"
SAVE = "^Save Signed File As"


def windows(title):
    return xdotool("search", "--onlyvisible", "--name", title)


def until(condition, what):
    end = time.monotonic() + LIMIT
    while not (result := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: nothing in {LIMIT} seconds")
        time.sleep(0.3)
    return result


def answer(title, *keys):
    """Waits for this window, types the keys, and waits until it has closed."""
    window = until(lambda: windows(title), title)[0]
    print("asked:", *xdotool("getwindowname", window), flush=True)
    if focus(window):
        for key in keys:
            xdotool(*key)
    until(lambda: not xdotool("getwindowname", window), f"{title} closes")


def choose_sign(main):
    """Tools > Digitally Sign..., through the command bar (Ctrl+Alt+I), until Okular asks for the password."""
    def chosen():
        focus(main)
        xdotool("key", "ctrl+alt+i")
        time.sleep(3)
        xdotool("type", "--delay", "100", "Digitally Sign")
        time.sleep(3)
        xdotool("key", "Return")
        time.sleep(6)
        return windows(PASSWORD)
    until(chosen, "Digitally Sign")


def draw():
    """Draws a rectangle for the signature; false if Okular does not ask about it."""
    xdotool("mousemove", "250", "200", "mousedown", "1")
    for step in range(1, 6):
        xdotool("mousemove", str(250 + step * 80), str(200 + step * 40))
    xdotool("mouseup", "1")
    time.sleep(4)
    return windows(SMALL) or windows(CERTIFICATE)


def sign(main, passwords):
    choose_sign(main)
    while passwords:
        password = passwords.pop(0)
        if password == "cancel":
            answer(PASSWORD, ["key", "Escape"])
            time.sleep(3)
            print("certificate offered" if draw() else "no certificate offered", flush=True)
            choose_sign(main)
        else:
            answer(PASSWORD, ["type", "--delay", "50", password], ["key", "Return"])
    focus(main)
    until(draw, "the rectangle")
    if windows(SMALL):
        answer(SMALL, ["key", "alt+i"])
    answer(CERTIFICATE, ["key", "Return"])
    answer(SAVE, ["key", "Return"])


def main(directory, pdf, passwords):
    os.makedirs(directory)
    display = Display(directory)
    try:
        with open(os.path.join(directory, "okular.log"), "wb") as log:
            okular = subprocess.Popen(["okular", pdf], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            name = os.path.basename(pdf)
            sign(until(lambda: windows(name), "Okular's window")[0], passwords)
            until(lambda: windows(name.replace(".pdf", "_signed.pdf")), "the signed PDF")
        except BaseException:
            display.picture()
            raise
        finally:
            okular.terminate()
            okular.wait()
    finally:
        display.end()


signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # with a screenshot, and without leftover processes
main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3:])
