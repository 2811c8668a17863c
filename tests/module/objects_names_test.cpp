// What programs find objects by. They keep labels and ids in settings and URIs: those are the same in the next version.
#include "fixture.hpp"

using namespace jpki::test;

namespace {

struct Names {
    CK_OBJECT_CLASS object_class;
    CK_ULONG category;  // of a certificate: CKA_CERTIFICATE_CATEGORY
    std::string label;
    Bytes id;
    std::string unique_id;
};

const std::vector<Names> names_of_slots[] = {
    {{CKO_CERTIFICATE, 1, "User Authentication Certificate", {0x01}, "jpki-authentication-certificate"},
     {CKO_CERTIFICATE, 2, "User Authentication CA Certificate", {0x11}, "jpki-authentication-ca-certificate"},
     {CKO_PUBLIC_KEY, 0, "User Authentication Public Key", {0x01}, "jpki-authentication-public-key"},
     {CKO_PRIVATE_KEY, 0, "User Authentication Key", {0x01}, "jpki-authentication-private-key"}},
    {{CKO_CERTIFICATE, 1, "Digital Signature Certificate", {0x02}, "jpki-signature-certificate"},
     {CKO_CERTIFICATE, 2, "Digital Signature CA Certificate", {0x12}, "jpki-signature-ca-certificate"},
     {CKO_PUBLIC_KEY, 0, "Digital Signature Public Key", {0x02}, "jpki-signature-public-key"},
     {CKO_PRIVATE_KEY, 0, "Digital Signature Key", {0x02}, "jpki-signature-private-key"}}};

Bytes bytes_of(const std::string& text) { return Bytes(text.begin(), text.end()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(object_names)

BOOST_AUTO_TEST_CASE(labels_and_ids_are_those_of_every_version) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        for (const Names& names : names_of_slots[slot]) {
            BOOST_TEST_CONTEXT(names.label) {
                CK_OBJECT_CLASS object_class = names.object_class;
                CK_ULONG category = names.category;
                std::vector<CK_ATTRIBUTE> wanted = {{CKA_CLASS, &object_class, sizeof object_class}};
                if (category != 0) wanted.push_back({CKA_CERTIFICATE_CATEGORY, &category, sizeof category});
                const auto found = find(session, wanted);
                BOOST_REQUIRE_EQUAL(found.size(), 1u);
                BOOST_CHECK(attribute(session, found[0], CKA_LABEL) == bytes_of(names.label));
                BOOST_CHECK(attribute(session, found[0], CKA_ID) == names.id);
                BOOST_CHECK(attribute(session, found[0], CKA_UNIQUE_ID) == bytes_of(names.unique_id));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(search_by_CKA_PRIVATE_finds_what_needs_login_or_the_rest) {
    Fixture f;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    const auto auth = f.open_logged_in(auth_slot), sign = f.open_logged_in(sign_slot);
    BOOST_CHECK_EQUAL(find(auth, {{CKA_PRIVATE, &yes, 1}}).size(), 1u);  // the private key
    BOOST_CHECK_EQUAL(find(auth, {{CKA_PRIVATE, &no, 1}}).size(), 4u);   // two certificates, the public key, the profile
    BOOST_CHECK_EQUAL(find(sign, {{CKA_PRIVATE, &yes, 1}}).size(), 3u);  // the certificate and both keys
    BOOST_CHECK_EQUAL(find(sign, {{CKA_PRIVATE, &no, 1}}).size(), 1u);   // the CA certificate
}

BOOST_AUTO_TEST_CASE(handle_of_public_object_stays_valid_through_login_and_logout) {
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        Fixture f;
        const auto session = f.open(slot);
        const auto before = find_class(session, CKO_CERTIFICATE);
        const auto check_same = [&] {
            for (const auto handle : before) {
                CK_OBJECT_CLASS object_class = CKO_CERTIFICATE;
                Bytes id = attribute(session, handle, CKA_ID);
                BOOST_CHECK(find(session, {{CKA_CLASS, &object_class, sizeof object_class},
                                           {CKA_ID, id.data(), static_cast<CK_ULONG>(id.size())}}) ==
                            std::vector<CK_OBJECT_HANDLE>{handle});
            }
        };
        BOOST_CHECK_EQUAL(before.size(), slot == auth_slot ? 2u : 1u);
        REQUIRE_OK(f.login(session, slot == auth_slot ? auth_pin : sign_pin));
        check_same();
        REQUIRE_OK(C_Logout(session));
        check_same();
        REQUIRE_OK(f.login(session, slot == auth_slot ? auth_pin : sign_pin));
        check_same();
    }
}

BOOST_AUTO_TEST_SUITE_END()
