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
import sys

from marionette import EVERY_TOKEN, Application

LIMIT = 60  # seconds for any step

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


class Firefox(Application):
    def __init__(self, profile):
        super().__init__("firefox", ["firefox-esr", "about:blank"], profile, LIMIT, LIMIT)

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


def main(profile, steps):
    firefox = Firefox(profile)
    firefox.take_steps(steps, {
        "certificates": lambda _: firefox.script(CERTIFICATES),
        "page": firefox.page,
        "logout": lambda _: firefox.script(LOGOUT),
    }, refused=[""])  # every dialog that asks for no PIN


main(sys.argv[1], sys.argv[2:])
