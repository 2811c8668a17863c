// The card model against apdu/README.md, Commands and State: selecting, reading, random bytes, malformed commands.
#include <boost/test/unit_test.hpp>

#include "card_model_fixture.hpp"

#include <openssl/evp.h>

#include <algorithm>

using namespace card_model_test;

BOOST_AUTO_TEST_SUITE(selecting)

BOOST_AUTO_TEST_CASE(application_is_selected_by_its_full_aid) {
    Card card;
    BOOST_TEST(!card.application_selected());
    BOOST_TEST(card.sw(select_jpki) == 0x9000U);
    BOOST_TEST(card.application_selected());
}

BOOST_AUTO_TEST_CASE(other_names_answer_6a82_and_change_nothing) {
    OpenCard card;
    card.sw(verify_auth);
    BOOST_TEST(card.sw("00A4040C 0A D392F000260100000002") == 0x6A82U);
    BOOST_TEST(card.sw("00A4040C 05 D392F00026") == 0x6A82U);
    BOOST_TEST(card.application_selected());
    BOOST_TEST(card.verified(KeyUse::authentication));
}

BOOST_AUTO_TEST_CASE(other_forms_of_select_answer_6a86) {
    Card card;
    BOOST_TEST(card.sw("00A40400 0A D392F000260100000001") == 0x6A86U);
    BOOST_TEST(card.sw("00A4000C 02 3F00") == 0x6A86U);
    BOOST_TEST(card.sw("00A4040C") == 0x6700U);
}

BOOST_AUTO_TEST_CASE(foreign_card_answers_6a82) {
    Card card(with([](Knobs& k) { k.is_jpki = false; }));
    BOOST_TEST(card.sw(select_jpki) == 0x6A82U);
    BOOST_TEST(card.sw(select_security_domain) == 0x6A82U);
    BOOST_TEST(card.sw("00200098") == 0x6D00U);
}

BOOST_AUTO_TEST_CASE(odd_card_gives_its_status_to_every_command) {
    for (const unsigned status : {0x6300U, 0x6F00U, 0x6881U}) {
        Knobs knobs;
        knobs.is_jpki = false;
        knobs.other_card_answer = static_cast<std::uint16_t>(status);
        Card card(knobs);
        for (const std::string_view command : {select_jpki, select_security_domain, verify_auth, std::string_view("00B08A00 00")})
            BOOST_TEST(card.sw(command) == status, command);
        BOOST_TEST(!card.application_selected());
        BOOST_TEST(card.counts().verify[0] == 0U);
    }
}

BOOST_AUTO_TEST_CASE(storage_card_returns_no_byte) {
    Card card(with([](Knobs& k) {
        k.is_jpki = false;
        k.other_card_answer.reset();
    }));
    BOOST_TEST(card.transmit(hex(select_jpki)).empty());
    BOOST_TEST(card.transmit(hex("00B08A00 00")).empty());
    BOOST_TEST(card.counts().commands == 2U);
    BOOST_TEST(card.counts().bytes_out == 0U);
    card.inject({Fault::Kind::truncated, 0});  // there is nothing to corrupt
    BOOST_TEST(card.transmit(hex(select_jpki)).empty());
}

BOOST_AUTO_TEST_CASE(every_file_of_table_can_be_selected) {
    OpenCard card;
    for (const char* id : {"0001", "0002", "0006", "0008", "000A", "000B", "0017", "0018", "001A", "001B"})
        BOOST_TEST(card.sw(std::string("00A4020C 02 ") + id) == 0x9000U, id);
    BOOST_TEST(card.sw("00A4020C 02 0003") == 0x6A82U);
    BOOST_TEST(card.sw("00A4020C 01 00") == 0x6700U);
    BOOST_TEST(card.sw("00A4020C 03 000A00") == 0x6700U);
}

BOOST_AUTO_TEST_CASE(no_file_is_found_before_application_is_selected) {
    Card card;
    BOOST_TEST(card.sw("00A4020C 02 000A") == 0x6A82U);
    BOOST_TEST(card.sw("00B08A00 00") == 0x6986U);
    BOOST_TEST(card.sw("00840000 08") == 0x6985U);
}

BOOST_AUTO_TEST_CASE(selecting_issuer_security_domain_ends_both_logins) {
    OpenCard card;
    card.sw(verify_auth);
    card.sw(verify_sign);
    BOOST_TEST(card.sw(select_security_domain) == 0x9000U);
    BOOST_TEST(!card.application_selected());
    BOOST_TEST(!card.verified(KeyUse::authentication));
    BOOST_TEST(!card.verified(KeyUse::signature));
    card.sw(select_jpki);
    BOOST_TEST(card.sign(0x00, KeyUse::authentication, {1}).sw == 0x6982U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(reading)

BOOST_AUTO_TEST_CASE(selected_file_is_read_from_offset) {
    OpenCard card;
    const Bytes& der = card.pki().authentication_certificate;
    card.sw("00A4020C 02 000A");
    BOOST_TEST(card.send("00B00000 04").data == Bytes(der.begin(), der.begin() + 4));
    BOOST_TEST(card.send("00B00102 10").data == Bytes(der.begin() + 0x102, der.begin() + 0x112));
    BOOST_TEST(card.send("00B00000 00").data.size() == 256U);
}

BOOST_AUTO_TEST_CASE(sfi_reads_without_select) {
    OpenCard card;
    const Bytes& der = card.pki().authentication_ca;
    BOOST_TEST(card.send("00B08B02 08").data == Bytes(der.begin() + 2, der.begin() + 10));
    BOOST_TEST(card.sw("00B08300 04") == 0x6A82U);
    BOOST_TEST(card.sw("00B0CA00 04") == 0x6A86U);
}

BOOST_AUTO_TEST_CASE(sfi_read_sets_current_file_by_knob) {
    OpenCard card;
    card.sw("00B08B00 04");
    BOOST_TEST(card.sw("00B00100 04") == 0x9000U);
    BOOST_TEST(card.sw("00B08000 04") == 0x9000U);
    OpenCard other(with([](Knobs& k) { k.sfi_read_sets_current_file = false; }));
    other.sw("00B08B00 04");
    BOOST_TEST(other.sw("00B00100 04") == 0x6986U);
}

BOOST_AUTO_TEST_CASE(without_short_forms_sfi_answers_6a86_and_select_works) {
    OpenCard card(with([](Knobs& k) { k.short_forms = false; }));
    BOOST_TEST(card.sw("00B08B00 04") == 0x6A86U);
    BOOST_TEST(card.sw("00200098") == 0x6A86U);
    BOOST_TEST(card.sign(0x00, KeyUse::authentication, {1}).sw == 0x6A86U);
    card.sw("00A4020C 02 0018");
    BOOST_TEST(card.sw("00200080 04 31323334") == 0x9000U);
    card.sw("00A4020C 02 0017");
    BOOST_TEST(card.send("802A0080 01 41 00").data.size() == 256U);
}

BOOST_AUTO_TEST_CASE(read_at_end_of_file_returns_rest_and_beyond_it_6b00) {
    OpenCard card(with([](Knobs& k) { k.certificate_file_size = 3808; }));
    card.sw("00A4020C 02 000A");
    BOOST_TEST(card.send("00B00ED0 00").data == Bytes(16, 0xFF));  // 3792: 16 bytes of filler are left
    BOOST_TEST(card.sw("00B00ED0 00") == 0x9000U);
    BOOST_TEST(card.sw("00B00EE0 01") == 0x6B00U);
    BOOST_TEST(card.sw("00B07FFF 01") == 0x6B00U);
}

BOOST_AUTO_TEST_CASE(filler_and_file_size_are_knobs) {
    OpenCard card(with([](Knobs& k) {
        k.certificate_filler = 0x00;
        k.certificate_file_size = 2000;
    }));
    card.sw("00A4020C 02 000A");
    BOOST_TEST(card.send("00B007CE 00").data == Bytes(2, 0x00));
    OpenCard exact(with([](Knobs& k) { k.certificate_file_size = 0; }));
    exact.sw("00A4020C 02 000A");
    const std::size_t last = exact.pki().authentication_certificate.size() - 1;
    const Bytes command = {0x00, 0xB0, static_cast<std::uint8_t>(last >> 8), static_cast<std::uint8_t>(last & 0xFF), 0x00};
    BOOST_TEST(exact.send(command).data.size() == 1U);
}

BOOST_AUTO_TEST_CASE(read_without_file_answers_6986_of_key_or_pin_6981_without_le_6700) {
    OpenCard card;
    BOOST_TEST(card.sw("00B00000 04") == 0x6986U);
    for (const char* command : {"00B09700 04", "00B09800 04", "00B09A00 04", "00B09B00 04"})
        BOOST_TEST(card.sw(command) == 0x6981U, command);
    BOOST_TEST(card.sw("00B08A00") == 0x6700U);
    BOOST_TEST(card.sw("00B08A00 01 00 04") == 0x6700U);
}

BOOST_AUTO_TEST_CASE(signature_certificate_needs_signature_password_only) {
    OpenCard card;
    BOOST_TEST(card.sw("00B08100 04") == 0x6982U);
    card.sw(verify_auth);
    BOOST_TEST(card.sw("00B08100 04") == 0x6982U);
    card.sw(verify_sign);
    const Bytes& der = card.pki().signature_certificate;
    BOOST_TEST(card.send("00B08100 04").data == Bytes(der.begin(), der.begin() + 4));
    for (const char* command : {"00B08200 04", "00B08600 04", "00B08800 03", "00B08A00 04", "00B08B00 04"})
        BOOST_TEST(OpenCard().sw(command) == 0x9000U, command);
}

BOOST_AUTO_TEST_CASE(phone_needs_pin_to_read_authentication_certificate) {
    for (const auto phone : {&Knobs::phone, &Knobs::iphone}) {
        Knobs knobs;
        knobs.*phone = true;
        OpenCard card(knobs);
        BOOST_TEST(card.sw("00B08A00 04") == 0x6982U);
        BOOST_TEST(card.sw("00B08B00 04") == 0x9000U);
        card.sw(verify_auth);
        BOOST_TEST(card.sw("00B08A00 04") == 0x9000U);
    }
}

BOOST_AUTO_TEST_CASE(iphone_answers_command_that_cards_reject) {
    BOOST_TEST(OpenCard(with([](Knobs& k) { k.iphone = true; })).sw("80FC0000") == 0x9000U);
    BOOST_TEST(OpenCard(with([](Knobs& k) { k.phone = true; })).sw("80FC0000") == 0x6700U);
    BOOST_TEST(OpenCard().sw("80FC0000") == 0x6700U);
}

BOOST_AUTO_TEST_CASE(token_information_has_160_bytes_and_label_of_its_kind) {
    const auto label = [](const Knobs& knobs) {
        const Bytes bytes = OpenCard(knobs).send("00B08600 00").data;
        BOOST_TEST(bytes.size() == 160U);
        const std::string text(bytes.begin(), bytes.begin() + 32);
        return text.substr(0, text.find(' '));
    };
    BOOST_TEST(label({}) == "JPKIAPICCTOKEN2");
    BOOST_TEST(label(with([](Knobs& k) { k.phone = true; })) == "JPKIAPGPSETOKEN");
    BOOST_TEST(label(with([](Knobs& k) { k.iphone = true; })) == "JPKIAPIOSTOKEN");
    BOOST_TEST(label(with([](Knobs& k) { k.resident_card = true; })) == "JPKIAPICCTOKEN");
    const Bytes bytes = OpenCard(with([](Knobs& k) { k.model = "X"; })).send("00B08600 00").data;
    BOOST_TEST(std::string(bytes.begin() + 64, bytes.begin() + 80) == "X               ");
    BOOST_TEST(bytes[140] == 3);
    BOOST_TEST(bytes[142] == 1);
}

BOOST_AUTO_TEST_CASE(existence_file_names_certificates) {
    BOOST_TEST(OpenCard().send("00B08800 00").data == hex("8F8F00"));
    BOOST_TEST(OpenCard(with([](Knobs& k) { k.has_signature = false; })).send("00B08800 00").data == hex("008F00"));
    BOOST_TEST(OpenCard(with([](Knobs& k) { k.has_authentication = false; })).send("00B08800 00").data == hex("8F0000"));
}

BOOST_AUTO_TEST_CASE(files_0006_and_0008_can_be_missing) {
    OpenCard card(with([](Knobs& k) { k.has_existence_file = k.has_token_information = false; }));
    for (const char* command : {"00B08600 04", "00B08800 04", "00A4020C 02 0006", "00A4020C 02 0008"})
        BOOST_TEST(card.sw(command) == 0x6A82U, command);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(other_commands)

BOOST_AUTO_TEST_CASE(random_bytes_come_in_any_short_length) {
    OpenCard card;
    const Bytes first = card.send("00840000 08").data;
    BOOST_TEST(first.size() == 8U);
    BOOST_TEST(first != card.send("00840000 08").data);
    BOOST_TEST(card.send("00840000 00").data.size() == 256U);
    BOOST_TEST(card.sw("00840000") == 0x6700U);
    BOOST_TEST(card.sw("00840100 08") == 0x6A86U);
}

BOOST_AUTO_TEST_CASE(unknown_instructions_and_classes) {
    OpenCard card;
    BOOST_TEST(card.sw("00CA0000 00") == 0x6D00U);
    BOOST_TEST(card.sw("002A0097 01 41 00") == 0x6D00U);
    BOOST_TEST(card.sw("80200098") == 0x6D00U);
    BOOST_TEST(card.sw("90200098") == 0x6E00U);
    BOOST_TEST(card.sw("0CA4040C 0A D392F000260100000001") == 0x6E00U);
}

BOOST_AUTO_TEST_CASE(issuer_commands_are_counted) {
    OpenCard card;
    for (const char* command : {"80320000", "80500000 08 0000000000000000", "808A0000"})
        BOOST_TEST(card.sw(command) == 0x6D00U, command);
    BOOST_TEST(card.counts().issuer_commands == 3U);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_command_answer_6700) {
    OpenCard card;
    for (const char* command : {"", "00", "00A4", "00A404", "00A4040C 0A D3", "00A4020C 02 000A 00 00", "00200098 05 31",
                                "00A4020C 00 000A", "00B00000 000000 00", "00200098 00 0000 31", "00200098 00 0005 31"})
        BOOST_TEST(card.sw(command) == 0x6700U, command);
    BOOST_TEST(card.send(Bytes(70000, 0x00)).sw == 0x6700U);
    BOOST_TEST(card.tries(KeyUse::authentication) == 3);
}

BOOST_AUTO_TEST_CASE(random_bytes_do_not_crash_model) {
    std::uint32_t random = 1;
    const auto next = [&random] { return static_cast<std::uint8_t>((random = random * 1664525U + 1013904223U) >> 24); };
    OpenCard card(with([](Knobs& k) { k.extended_length = k.answers_61xx = k.answers_6cxx = true; }));
    card.set_tries(KeyUse::authentication, 15);
    constexpr std::array<std::uint8_t, 8> instructions = {0xA4, 0xB0, 0x20, 0x24, 0x84, 0xC0, 0xCA, 0x2A};
    for (int i = 0; i < 20000; ++i) {
        Bytes command(next() % 24);
        for (auto& byte : command) byte = next();
        if (command.size() > 1) {
            command[0] = static_cast<std::uint8_t>(next() % 2 * 0x80);
            command[1] = instructions[next() % instructions.size()];
        }
        const std::size_t size = card.transmit(command).size();
        BOOST_REQUIRE(size >= 2U);
    }
}

BOOST_AUTO_TEST_CASE(extended_commands_are_rejected_or_accepted_by_knob) {
    BOOST_TEST(OpenCard().sw("00B08A00 000400") == 0x6700U);
    OpenCard card(with([](Knobs& k) { k.extended_length = true; }));
    BOOST_TEST(card.send("00B08A00 000400").data.size() == 1024U);
    BOOST_TEST(card.send("00B08A00 000000").data.size() == 3808U);
    BOOST_TEST(card.sw("00200098 000004 31323334") == 0x9000U);
    BOOST_TEST(card.send("802A0097 000001 41 0100").data.size() == 256U);
    BOOST_TEST(card.sw("802A0097 000001 41 0010") == 0x6700U);
}

BOOST_AUTO_TEST_SUITE_END()
