// A signature or a probe that another program's application answered: its status words for P1 and PINs say nothing about our
// application (apdu/README.md, State: another program may select another application between two transactions).
#include "pin_fixture.hpp"

#include <atomic>

using namespace jpki::test;

namespace {

bool selects_by_aid(model::ByteView command) { return command.size() > 4 && command[1] == 0xA4 && command[2] == 0x04; }

// Answers `status` in place of the card to every command, until an application is selected: another application that keeps the
// login, which apdu/README.md does not know of, and which must not end a login of ours.
class ForeignApplication {
public:
    explicit ForeignApplication(std::uint16_t status) {
        fake::on_answer([this, status](const std::string&, model::ByteView command) -> std::optional<Bytes> {
            if (selects_by_aid(command)) selected_ = false;
            if (!selected_) return std::nullopt;
            ++answers_;
            return Bytes{static_cast<std::uint8_t>(status >> 8), static_cast<std::uint8_t>(status & 0xFF)};
        });
    }
    ~ForeignApplication() { fake::on_answer({}); }
    ForeignApplication(const ForeignApplication&) = delete;
    ForeignApplication& operator=(const ForeignApplication&) = delete;
    std::size_t answers() const { return answers_; }

private:
    std::atomic<bool> selected_ = true;
    std::atomic<std::size_t> answers_ = 0;
};

bool offers_pss(CK_SLOT_ID slot) {
    CK_MECHANISM_INFO info{};
    return C_GetMechanismInfo(slot, CKM_RSA_PKCS_PSS, &info) == CKR_OK;
}

const Bytes& certificate_of(const Fixture& f, KeyUse use) {
    return use == KeyUse::authentication ? f.card->pki().authentication_certificate : f.card->pki().signature_certificate;
}

// Another program selects its application before each of our transactions.
void others_come_between_all_transactions(Fixture& f) {
    fake::on_transmit([&f, seen = std::make_shared<std::size_t>(0)](const std::string&, model::ByteView) {
        const std::size_t begun = fake::calls(fake::Function::begin_transaction);
        if (begun == std::exchange(*seen, begun)) return;
        f.card->other_program_selects_another_application();
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(foreign_application)

BOOST_AUTO_TEST_CASE(signature_rejected_by_another_application_is_made_by_ours_with_same_login) {
    for (const std::uint16_t status : {std::uint16_t{0x6982}, std::uint16_t{0x6A86}, std::uint16_t{0x6D00}})
        for (const KeyUse use : both_keys)
            for (const CK_MECHANISM_TYPE type : {CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS})
                BOOST_TEST_CONTEXT("status " << std::hex << status << ", key " << index(use) << ", mechanism " << type) {
                    Fixture f;
                    const auto session = f.open_logged_in(slot_of(use));
                    const auto key = find_key(session);
                    BOOST_REQUIRE(offers_pss(slot_of(use)));
                    const Bytes data(32, 9);
                    {
                        const ForeignApplication foreign(status);
                        Bytes signature;
                        CHECK_RV(sign(session, key, type, data, signature), CKR_OK);
                        BOOST_CHECK(openssl_verifies(certificate_of(f, use), type, data, signature));
                        BOOST_CHECK_GT(foreign.answers(), 0u);
                    }
                    BOOST_CHECK(offers_pss(slot_of(use)));
                    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
                    BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
                }
}

BOOST_AUTO_TEST_CASE(login_ended_by_another_application_is_reported_and_pss_stays_offered) {
    for (const KeyUse use : both_keys) {
        Knobs knobs;
        knobs.foreign_status = 0x6A86;
        Fixture f(knobs);
        const auto session = f.open_logged_in(slot_of(use));
        const auto key = find_key(session);
        BOOST_REQUIRE(offers_pss(slot_of(use)));
        f.card->other_program_selects_another_application();
        Bytes signature;
        CHECK_RV(sign(session, key, CKM_RSA_PKCS_PSS, Bytes(32, 9), signature), CKR_USER_NOT_LOGGED_IN);
        for (const KeyUse other : both_keys) BOOST_CHECK(offers_pss(slot_of(other)));
        REQUIRE_OK(f.login(session, f.card->pin(use)));
        CHECK_RV(sign(session, find_key(session), CKM_RSA_PKCS_PSS, Bytes(32, 9), signature), CKR_OK);
    }
}

BOOST_AUTO_TEST_CASE(pss_probe_uses_our_application_after_another_was_selected) {
    for (const bool pss : {true, false})
        for (const bool logged_in : {false, true})
            for (const CK_SLOT_ID slot : {auth_slot, sign_slot})
                BOOST_TEST_CONTEXT((pss ? "with" : "without") << " PSS, slot " << slot << (logged_in ? ", logged in" : "")) {
                    Knobs knobs;
                    knobs.pss = pss;
                    knobs.model = "E99X99XX";
                    knobs.foreign_status = 0x6A86;
                    Fixture f(knobs);
                    if (logged_in) {
                        f.open_logged_in(slot);
                        pin_flags(slot);  // reads EF 0006, too: the probe for PSS is then first
                    }
                    others_come_between_all_transactions(f);
                    BOOST_CHECK_EQUAL(offers_pss(slot), pss);
                    fake::on_transmit({});
                    BOOST_CHECK_EQUAL(offers_pss(slot), pss);
                }
}

BOOST_AUTO_TEST_SUITE_END()
