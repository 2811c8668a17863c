# Packages by CPack; included after all install rules:  cpack --config BUILD/CPackConfig.cmake -B DIRECTORY
# Two, by install component. The virtual card is one for developers: a user who has it in pcscd could mistake its
# test certificates for real ones, and it needs vpcd, which adds readers to the machine.
set(CPACK_COMPONENTS_ALL module virtual_card)
set(CPACK_PACKAGE_CONTACT "The jpki-pkcs11 authors <${JPKI_PACKAGE_ADDRESS}>")
set(CPACK_PACKAGE_VENDOR "the jpki-pkcs11 authors")
# Empty: CPack puts it before each package's own description, as its first line.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
# p11-kit's files and the settings are outside of the prefix, or would be if it were another one.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
# Independent of the umask of the user who builds the package.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(module_description
"PKCS#11 lets browsers, ssh, OpenSSL, GnuTLS, PDF tools and others use the two
keys of a My Number Card (Japanese Public Key Infrastructure, JPKI): the one
for user authentication and the one for digital signatures. Each is a token
of its own, since each has a PIN of its own. Registered with p11-kit.")
set(virtual_card_description
"A program that takes the place of a card in a virtual reader of pcscd (vpcd),
with keys, certificates and PINs of its own making. For testing jpki-pkcs11
and other software for this card; a real card does not need it.")

set(CPACK_GENERATOR)
find_program(JPKI_DPKG_SHLIBDEPS dpkg-shlibdeps)
find_program(JPKI_RPMBUILD rpmbuild)
mark_as_advanced(JPKI_DPKG_SHLIBDEPS JPKI_RPMBUILD)

# ---- Debian ----
if(JPKI_DPKG_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${JPKI_PACKAGE_RELEASE})
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_MODULE_PACKAGE_NAME jpki-pkcs11)
set(CPACK_DEBIAN_MODULE_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_MODULE_DESCRIPTION "PKCS#11 module for Japan's My Number Card (JPKI)\n${module_description}")
# Recommended, not needed: the card may be in another machine, reached through p11-kit or a forwarded socket.
set(CPACK_DEBIAN_MODULE_PACKAGE_RECOMMENDS "pcscd, libccid")
set(CPACK_DEBIAN_MODULE_PACKAGE_SUGGESTS "p11-kit, opensc, libnss3-tools, libengine-pkcs11-openssl")
# With this dpkg keeps the administrator's changes on an upgrade.
file(WRITE ${CMAKE_BINARY_DIR}/conf/package/conffiles "${JPKI_SYSTEM_SETTINGS}\n")
set(CPACK_DEBIAN_MODULE_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/conf/package/conffiles)

set(CPACK_DEBIAN_VIRTUAL_CARD_PACKAGE_NAME jpki-virtual-card)
set(CPACK_DEBIAN_VIRTUAL_CARD_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_VIRTUAL_CARD_DESCRIPTION "virtual My Number Card for tests, behind pcscd\n${virtual_card_description}")
set(CPACK_DEBIAN_VIRTUAL_CARD_PACKAGE_RECOMMENDS "pcscd, vsmartcard-vpcd")
set(CPACK_DEBIAN_VIRTUAL_CARD_PACKAGE_SUGGESTS "jpki-pkcs11, opensc")

# ---- RPM ----
if(JPKI_RPMBUILD)
  list(APPEND CPACK_GENERATOR RPM)
endif()
set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELEASE ${JPKI_PACKAGE_RELEASE})
set(CPACK_RPM_PACKAGE_LICENSE MIT)
set(CPACK_RPM_PACKAGE_GROUP "Unspecified")
set(CPACK_PACKAGE_RELOCATABLE OFF)
set(CPACK_RPM_PACKAGE_AUTOREQ ON)
# A module is not for linking: the name of its file must not satisfy dependencies of other packages.
set(CPACK_RPM_PACKAGE_AUTOPROV OFF)
set(CPACK_RPM_MODULE_PACKAGE_NAME jpki-pkcs11)
set(CPACK_RPM_MODULE_PACKAGE_SUMMARY "PKCS#11 module for Japan's My Number Card (JPKI)")
set(CPACK_RPM_MODULE_PACKAGE_DESCRIPTION "${module_description}")
# CPack 3.25 does not support Recommends, and does not find Suggests in Debian's rpmbuild; both packages get these lines verbatim.
set(CPACK_RPM_SPEC_MORE_DEFINE "Recommends: pcsc-lite, pcsc-lite-ccid\nSuggests: p11-kit, opensc, nss-tools")
set(CPACK_RPM_MODULE_USER_FILELIST "%config(noreplace) ${JPKI_SYSTEM_SETTINGS}"
    "%exclude /usr/share/lintian/overrides/jpki-pkcs11" "%exclude /usr/share/doc/jpki-pkcs11/changelog.Debian.gz")
set(CPACK_RPM_VIRTUAL_CARD_USER_FILELIST
    "%exclude /usr/share/lintian/overrides/jpki-virtual-card" "%exclude /usr/share/doc/jpki-virtual-card/changelog.Debian.gz")
# rpmbuild computes a library's dependencies, and strips it, only if it is executable; Debian requires libraries that are not.
foreach(name jpki-pkcs11 jpki-pkcs11-auth jpki-pkcs11-sign)
  list(APPEND CPACK_RPM_MODULE_USER_FILELIST "%attr(0755,root,root) ${CMAKE_INSTALL_FULL_LIBDIR}/${name}.so")
endforeach()
set(CPACK_RPM_VIRTUAL_CARD_PACKAGE_NAME jpki-virtual-card)
set(CPACK_RPM_VIRTUAL_CARD_PACKAGE_SUMMARY "Virtual My Number Card for tests, behind pcscd")
set(CPACK_RPM_VIRTUAL_CARD_PACKAGE_DESCRIPTION "${virtual_card_description}")
# Directories of other packages or the system.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /etc /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/man/man7
    /usr/share/lintian /usr/share/lintian/overrides /usr/share/p11-kit /usr/share/bash-completion /usr/share/bash-completion/completions
    /usr/share/locale /usr/share/locale/ja /usr/share/locale/ja/LC_MESSAGES
    "${JPKI_P11KIT_CONFIG_DIR}" "${CMAKE_INSTALL_FULL_LIBDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}/pkcs11")

if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr" OR NOT CPACK_GENERATOR)
  # With another prefix the files that name the modules would be wrong in a package.
  message(STATUS "cpack makes no .deb or .rpm here: that takes -DCMAKE_INSTALL_PREFIX=/usr, and dpkg-dev or rpmbuild")
  set(CPACK_GENERATOR TGZ)
endif()
include(CPack)
