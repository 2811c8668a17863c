// Shared by the tests of cards with invalid files.
#pragma once

#include "log_file.hpp"
#include "pki_copy.hpp"

namespace jpki::test {

enum File { authentication_certificate, authentication_ca, signature_certificate, signature_ca };
inline constexpr File files[] = {authentication_certificate, authentication_ca, signature_certificate, signature_ca};

inline Bytes& content(TestPki& pki, File file) {
    switch (file) {
    case authentication_certificate: return pki.authentication_certificate;
    case authentication_ca: return pki.authentication_ca;
    case signature_certificate: return pki.signature_certificate;
    default: return pki.signature_ca;
    }
}

inline CK_SLOT_ID slot_of(File file) {
    return file == authentication_certificate || file == authentication_ca ? auth_slot : sign_slot;
}

struct Search {
    CK_RV rv = CKR_OK;
    std::size_t found = 0;
};
inline Search search(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, std::uint8_t id) {
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_ID, &id, 1}};
    REQUIRE_OK(C_FindObjectsInit(session, wanted, 2));
    CK_OBJECT_HANDLE objects[4];
    CK_ULONG count = 0;
    Search result;
    result.rv = C_FindObjects(session, objects, 4, &count);
    result.found = count;
    REQUIRE_OK(C_FindObjectsFinal(session));
    return result;
}

inline std::uint8_t id_of(File file) {
    switch (file) {
    case authentication_certificate: return 0x01;
    case authentication_ca: return 0x11;
    case signature_certificate: return 0x02;
    default: return 0x12;
    }
}

}  // namespace jpki::test
