# Nix. Not run yet: written from the build's requirements and checked by reading.
#   nix-build -E 'with import <nixpkgs> { }; callPackage ./conf/package/default.nix { }'
# pcscd comes with NixOS' services.pcscd; p11-kit finds the .module files where the system's configuration puts them.
{ lib, stdenv, cmake, ninja, pkg-config, gettext, gzip, openssl, pcsclite, p11-kit, tomlplusplus, cli11, nlohmann_json }:

stdenv.mkDerivation {
  pname = "jpki-pkcs11";
  version = "0.1.0";
  src = lib.cleanSource ../..;

  nativeBuildInputs = [ cmake ninja pkg-config gettext gzip ];
  buildInputs = [ openssl pcsclite p11-kit tomlplusplus cli11 nlohmann_json ];
  cmakeFlags = [
    "-DCMAKE_BUILD_TYPE=RelWithDebInfo"
    "-DBUILD_TESTING=OFF"
    "-DJPKI_P11KIT_CONFIG_DIR=${placeholder "out"}/share/p11-kit/modules"
  ];

  # The module reads /etc/jpki-pkcs11.toml; the build may not write there, so the file goes to the examples.
  installPhase = ''
    DESTDIR=$TMPDIR/root cmake -DCMAKE_INSTALL_COMPONENT=module -P cmake_install.cmake
    mkdir -p $out
    cp -r $TMPDIR/root$out/. $out/
    cp $TMPDIR/root/etc/jpki-pkcs11.toml $out/share/doc/jpki-pkcs11/examples/
    rm -r $out/share/lintian $out/share/doc/jpki-pkcs11/changelog.Debian.gz
  '';

  meta = {
    description = "PKCS#11 module for Japan's My Number Card (JPKI)";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
