"""An X display of its own (Xvfb) for a program that a test drives, and xdotool, which types and clicks in it.

Used by chromium.py and okular.py; runs inside private-pcscd. Pictures need ImageMagick.
"""
import os
import shutil
import subprocess
import sys
import time

LIMIT = 60  # seconds for one call of a tool


def xdotool(*arguments):
    """xdotool's output; empty if it fails: windows may close at any time."""
    result = subprocess.run(["xdotool", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)
    return result.stdout.decode().split("\n")[:-1]


def focus(window):
    """Gives a window the keyboard; false if the window has closed. Without a window manager it does not get it by itself."""
    while xdotool("getwindowfocus", "-f") != [window]:
        if not xdotool("getwindowname", window):
            return False
        xdotool("windowfocus", window)
        time.sleep(0.2)
    time.sleep(0.5)  # the program needs a moment to notice
    return True


class Display:
    def __init__(self, directory):
        self.directory = directory
        self.pictures = 0
        number, write = os.pipe()
        # A display number that no other run uses: the servers cannot see each other's processes, only their files.
        with open(os.path.join(directory, "xvfb.log"), "wb") as log:
            self.process = subprocess.Popen(
                ["Xvfb", f":{os.environ['JPKI_VPCD_PORT']}", "-displayfd", str(write), "-screen", "0", "1280x900x24",
                 "-nolisten", "tcp"],
                pass_fds=[write], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(write)
        with os.fdopen(number) as stream:
            display = stream.readline().strip()
        if not display:
            sys.exit("Xvfb did not start: see xvfb.log")
        os.environ["DISPLAY"] = f":{display}"

    def picture(self):
        if shutil.which("import"):
            self.pictures += 1
            subprocess.run(["import", "-window", "root", os.path.join(self.directory, f"screen-{self.pictures}.png")],
                           check=False, timeout=LIMIT)

    def end(self):
        self.process.terminate()
        self.process.wait()
