#!/bin/bash
# Java's SunPKCS11 lists the key store, signs a jar with the signature key, and shows the authentication certificate
# to a TLS server on TLS 1.2 and 1.3.
. "$(dirname "$0")/lib.sh"
. "$here/lib-clients.sh"
need java keytool jarsigner openssl pkcs11-tool python3

start_card
certificates
the_ca
server_certificate
export JAVA_TOOL_OPTIONS="-Duser.home=$work/home -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

# slotListIndex counts the module's slots: 0 is the first reader's authentication token, 1 its signature token.
printf 'name = jpki\nlibrary = %s\nslotListIndex = 0\n' "$module" >auth.cfg
printf 'name = jpki\nlibrary = %s\nslotListIndex = 1\n' "$module" >sign.cfg
store() {
  printf '%s\n' -keystore NONE -storetype PKCS11 -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$1.cfg"
}
mapfile -t auth_store < <(store auth)
mapfile -t sign_store < <(store sign)

list=$(keytool -list "${auth_store[@]}" -storepass "$auth_pin" 2>&1) ||
  { printf '%s\n' "$list" >&2; fail "keytool -list"; }
expect "keytool lists the authentication key" "$list" "^User Authentication Certificate, PrivateKeyEntry"
list=$(keytool -list "${sign_store[@]}" -storepass "$sign_pin" 2>&1) ||
  { printf '%s\n' "$list" >&2; fail "keytool -list"; }
expect "keytool lists the signature key" "$list" "^Digital Signature Certificate, PrivateKeyEntry"
fingerprint=$(openssl x509 -in sign.pem -noout -fingerprint -sha256 | sed 's/.*=//')
expect "keytool shows the card's certificate" "$list" "$fingerprint"

python3 -c 'import zipfile; zipfile.ZipFile("program.jar", "w").writestr("data", "To be signed.\n")'
says "jarsigner signs" "jar signed" jarsigner "${sign_store[@]}" -storepass "$sign_pin" -sigfile card \
  -signedjar signed.jar program.jar "Digital Signature Certificate"
says "jarsigner verifies" "jar verified" jarsigner -verify signed.jar
# openssl must agree: the signed file is META-INF/CARD.SF.
python3 -c 'import zipfile
with zipfile.ZipFile("signed.jar") as jar:
    for name in "CARD.SF", "CARD.RSA": open(name, "wb").write(jar.read("META-INF/" + name))'
says "openssl verifies the signature" "Verification successful" openssl cms -verify -binary -noverify -inform DER \
  -in CARD.RSA -content CARD.SF -signer signer.pem -out /dev/null
check "the signer is the certificate on the card" cmp signer.pem sign.pem

cat >Client.java <<'JAVA'
import java.io.FileInputStream;
import java.net.URL;
import java.security.*;
import java.security.cert.*;
import javax.net.ssl.*;

class Client { // CONFIGURATION PIN SERVER-CERTIFICATE ADDRESS
    public static void main(String[] a) throws Exception {
        Provider provider = Security.getProvider("SunPKCS11").configure(a[0]);
        Security.addProvider(provider);
        KeyStore card = KeyStore.getInstance("PKCS11", provider);
        card.load(null, a[1].toCharArray());
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(card, null);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (var file = new FileInputStream(a[2])) {
            trusted.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        var connection = (HttpsURLConnection) new URL(a[3]).openConnection();
        connection.setSSLSocketFactory(context.getSocketFactory());
        connection.getInputStream().transferTo(System.out);
    }
}
JAVA
for version in 1.2 1.3; do
  tls_server "$version"
  page=$(java Client.java auth.cfg "$auth_pin" server.pem "https://localhost:$port/" 2>java.log) ||
    { cat java.log >&2; fail "the HTTPS client on TLS $version"; }
  verified_by_server "HTTPS client on TLS $version" "$page"
done
