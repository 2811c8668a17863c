// Faults, interference by other programs, hooks, counters, and the masking of logs.
#include <boost/test/unit_test.hpp>

#include "card_kinds.hpp"
#include "card_model_fixture.hpp"
#include "knob_text.hpp"
#include "latency.hpp"

#include <set>
#include <stdexcept>
#include <thread>

using namespace card_model_test;
using Kind = Fault::Kind;

BOOST_AUTO_TEST_SUITE(faults)

BOOST_AUTO_TEST_CASE(fault_affects_its_command_once) {
    OpenCard card;
    card.inject({Kind::sw_6f00, 2});
    BOOST_TEST(card.sw("00200098") == 0x63C3U);
    BOOST_TEST(card.sw("00200098") == 0x63C3U);
    BOOST_TEST(card.fault_pending());
    BOOST_TEST(card.sw(verify_auth) == 0x6F00U);
    BOOST_TEST(!card.fault_pending());
    BOOST_TEST(!card.verified(KeyUse::authentication));
    BOOST_TEST(card.sw("00200098") == 0x63C3U);
}

BOOST_AUTO_TEST_CASE(card_removed_before_or_after_command) {
    OpenCard card;
    card.inject({Kind::card_gone, 0});
    BOOST_CHECK_THROW(card.transmit(hex(verify_auth_wrong)), CardModel::CardGone);
    BOOST_TEST(card.tries(KeyUse::authentication) == 3);
    card.power_on();
    card.sw(select_jpki);
    card.inject({Kind::card_gone_after, 0});
    BOOST_CHECK_THROW(card.transmit(hex(verify_auth_wrong)), CardModel::CardGone);
    BOOST_TEST(card.tries(KeyUse::authentication) == 2);
    BOOST_CHECK_THROW(card.transmit(hex(select_jpki)), CardModel::CardGone);
}

BOOST_AUTO_TEST_CASE(reset_before_command_leaves_no_application_selected) {
    OpenCard card;
    card.inject({Kind::reset, 0});
    BOOST_TEST(card.sw("00B08A00 04") == 0x6986U);
}

BOOST_AUTO_TEST_CASE(answers_are_corrupted_after_command_was_carried_out) {
    OpenCard card;
    card.inject({Kind::unknown_status, 0});
    BOOST_TEST(card.sw("00200098") == 0x69C2U);
    card.inject({Kind::truncated, 0});
    BOOST_TEST(card.send("00B08A00 00").data.size() == 128U);
    card.inject({Kind::truncated, 0});
    BOOST_TEST(card.transmit(hex(verify_auth)).size() == 1U);
    BOOST_TEST(card.verified(KeyUse::authentication));
    card.inject({Kind::too_long, 0});
    BOOST_TEST(card.send("00B08A00 04").data.size() == 300U);
    card.inject({Kind::empty, 0});
    BOOST_TEST(card.transmit(hex("00B08A00 04")).empty());
    const Bytes right = card.send("00B08A00 00").data;
    card.inject({Kind::bits_flipped, 0});
    const Bytes wrong = card.send("00B08A00 00").data;
    BOOST_TEST(wrong.size() == right.size());
    BOOST_TEST(wrong != right);
    card.inject({Kind::bits_flipped, 0});
    BOOST_TEST(card.sw("00200098") == 0x63C2U);
}

BOOST_AUTO_TEST_CASE(delay_calls_its_hook_which_may_call_card) {
    OpenCard card;
    card.sw(verify_auth);
    card.on_delay([&card] { card.other_program_selects_another_application(); });
    card.inject({Kind::delay, 0});
    BOOST_TEST(card.sign(0x00, KeyUse::authentication, {1}).sw == 0x6D00U);
    card.on_delay([&card] { card.power_off(); });
    card.inject({Kind::delay, 0});
    BOOST_CHECK_THROW(card.transmit(hex(select_jpki)), CardModel::CardGone);
}

BOOST_AUTO_TEST_CASE(another_application_answers_reads_with_its_own_files) {
    OpenCard card;
    card.sw(verify_auth);
    card.inject({Kind::other_application, 0});
    const Answer read = card.send("00B08A00 04");
    BOOST_TEST(read.sw == 0x9000U);
    BOOST_TEST(read.data == hex("FFFEFDFC"));
    BOOST_TEST(!card.verified(KeyUse::authentication));
    BOOST_TEST(card.sw("00200098") == 0x6D00U);
    card.change_knobs([](Knobs& k) {
        k.foreign_read = Knobs::ForeignRead::other_certificate;
        k.foreign_status = 0x6E00;
    });
    BOOST_TEST(card.send("00B08A00 02").data == hex("3082"));
    BOOST_TEST(card.sw("00200098") == 0x6E00U);
    card.change_knobs([](Knobs& k) { k.foreign_read = Knobs::ForeignRead::refused; });
    BOOST_TEST(card.sw("00B08A00 02") == 0x6E00U);
}

BOOST_AUTO_TEST_CASE(security_domain_knows_none_of_our_commands) {
    OpenCard card;
    card.sw(select_security_domain);
    for (const char* command : {"00B08A00 04", "00200098", "802A0097 01 41 00", "00840000 08"})
        BOOST_TEST(card.sw(command) == 0x6D00U, command);
    BOOST_TEST(card.sw("00A4020C 02 000A") == 0x6A82U);
}

BOOST_AUTO_TEST_CASE(first_command_after_each_cold_reset_may_answer_6f00) {
    Card card(with([](Knobs& k) { k.first_command_6f00 = true; }));
    BOOST_TEST(card.sw(select_jpki) == 0x6F00U);
    BOOST_TEST(card.sw(select_jpki) == 0x9000U);
    card.warm_reset();
    BOOST_TEST(card.sw(select_jpki) == 0x9000U);
    card.power_off();
    card.power_on();
    BOOST_TEST(card.sw(select_jpki) == 0x6F00U);
}

BOOST_AUTO_TEST_CASE(atr_is_contact_one_or_knob) {
    Card card;
    BOOST_TEST(card.power_on() == hex("3BE000FF8131FE4514"));
    card.change_knobs([](Knobs& k) { k.atr = {0x3B, 0x80}; });
    BOOST_TEST(card.atr() == hex("3B80"));
    BOOST_TEST(card.warm_reset() == hex("3B80"));
}

BOOST_AUTO_TEST_CASE(counters_count_commands_and_bytes) {
    Card card;
    card.sw(select_jpki);
    card.sw("00B08A00 04");
    BOOST_TEST(card.counts().commands == 2U);
    BOOST_TEST(card.counts().bytes_in == 20U);
    BOOST_TEST(card.counts().bytes_out == 8U);
    card.reset_counts();
    BOOST_TEST(card.counts().commands == 0U);
}

BOOST_AUTO_TEST_CASE(command_hook_sees_each_command_and_its_answer) {
    Card card;
    std::vector<std::pair<Bytes, Bytes>> seen;
    card.on_command([&](ByteView command, ByteView answer) {
        seen.emplace_back(Bytes(command.begin(), command.end()), Bytes(answer.begin(), answer.end()));
        BOOST_TEST(card.application_selected());  // no lock is held
    });
    card.sw(select_jpki);
    BOOST_REQUIRE(seen.size() == 1U);
    BOOST_TEST(seen[0].first == hex(select_jpki));
    BOOST_TEST(seen[0].second == hex("9000"));
}

BOOST_AUTO_TEST_CASE(threads_can_share_card) {
    OpenCard card;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&card] {
            for (int j = 0; j < 200; ++j) card.transmit(hex("00200098"));
        });
    for (auto& thread : threads) thread.join();
    BOOST_TEST(card.counts().commands == 801U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(texts)

BOOST_AUTO_TEST_CASE(log_masks_pins_and_malformed_pins) {
    using jpki::model::masked;
    BOOST_TEST(masked(hex(verify_auth)) == "00 20 00 98 04 ** ** ** **");
    BOOST_TEST(masked(hex("0024019B 06 414243313233")) == "00 24 01 9B 06 ** ** ** ** ** **");
    BOOST_TEST(masked(hex("00200098")) == "00 20 00 98");
    BOOST_TEST(masked(hex("00200098 00")) == "00 20 00 98 00");
    BOOST_TEST(masked(hex("00200098 31")) == "00 20 00 98 **");
    BOOST_TEST(masked(hex("00200098 31323334")) == "00 20 00 98 ** ** ** **");
    BOOST_TEST(masked(hex("00200098 03 31323334")) == "00 20 00 98 03 ** ** ** **");
    BOOST_TEST(masked(hex("00200098 00 3132")) == "00 20 00 98 ** ** **");
    BOOST_TEST(masked(hex("00200098 000004 31323334")) == "00 20 00 98 00 00 04 ** ** ** **");
    BOOST_TEST(masked(hex("00B08A00 04")) == "00 B0 8A 00 04");
    BOOST_TEST(masked({}).empty());
}

BOOST_AUTO_TEST_CASE(every_knob_is_set_by_its_name) {
    using jpki::model::set_knob;
    Knobs knobs;
    for (const std::string& entry : jpki::model::knob_names()) {
        const std::string name = entry.substr(0, entry.find('='));
        std::string value = entry.substr(entry.find('=') + 1);
        if (name == "atr") value = "3B8000";
        else if (name == "foreign_status" || name == "other_card_answer") value = "6A81";
        else if (name == "certificate_filler") value = "0A";
        else if (name == "certificate_file_size") value = "2048";
        else if (name == "tries" || name == "max_tries") value = "1,2";
        else if (name != "pins" && name != "model") value = value.substr(value.rfind('|') + 1);
        BOOST_CHECK_NO_THROW(set_knob(knobs, name + "=" + value));
    }
    BOOST_TEST(!knobs.is_jpki);
    BOOST_TEST(!knobs.pss);
    BOOST_TEST(knobs.foreign_status == 0x6A81U);
    BOOST_TEST(knobs.other_card_answer.value_or(0) == 0x6A81U);
    set_knob(knobs, "other_card_answer=none");
    BOOST_TEST(!knobs.other_card_answer.has_value());
    BOOST_TEST(knobs.tries[1] == 2);
    BOOST_TEST(knobs.pins[1] == "<password>");
    BOOST_TEST((knobs.missing_file == Knobs::Missing::filler));
    for (const char* bad : {"pss", "nothing=1", "pss=maybe", "tries=1", "tries=a,b", "atr=3", "atr=XX", "foreign_status=12345",
                            "other_card_answer=no", "missing_file=x"})
        BOOST_CHECK_THROW(set_knob(knobs, bad), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(every_fault_has_name) {
    std::set<Kind> kinds;
    for (const std::string& name : jpki::model::fault_names()) kinds.insert(jpki::model::fault_kind(name));
    BOOST_TEST(kinds.size() == 12U);
    BOOST_TEST((jpki::model::fault_kind("other_application") == Kind::other_application));
    BOOST_CHECK_THROW(jpki::model::fault_kind("x"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(every_jpki_kind_is_recognised_and_foreign_kinds_are_not) {
    for (const auto& kind : jpki::model::card_kinds()) {
        Knobs knobs;
        kind.adjust(knobs);
        Card card(knobs);
        if (knobs.first_command_6f00) card.sw(select_jpki);
        // sw() is 0 for an answer without a status word.
        BOOST_TEST(card.sw(select_jpki) == (knobs.is_jpki ? 0x9000U : knobs.other_card_answer.value_or(0)), kind.name);
        BOOST_TEST(jpki::model::find_card_kind(kind.name) == &kind);
    }
    BOOST_TEST(jpki::model::find_card_kind("x") == nullptr);
}

BOOST_AUTO_TEST_CASE(latency_depends_on_bytes_and_signature) {
    const jpki::model::Latency latency;
    BOOST_TEST(latency.of(0, 0, false).count() == 3000);
    BOOST_TEST(latency.of(5, 258, false).count() == 3000 + 19849);
    BOOST_TEST(latency.of(0, 0, true).count() == 403000);
}

BOOST_AUTO_TEST_SUITE_END()
