// What Card makes of its files when the card's answers are odd, and of another card behind the same connection.
#include "apdu/card.hpp"
#include "apdu/errors.hpp"

#include "scripted_link.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <string>

using namespace jpki;
using apdu_test::hex;
using apdu_test::ScriptedLink;

namespace {

struct Scripted {
    explicit Scripted(std::initializer_list<std::string_view> answers)
        : link(new ScriptedLink(answers)), card(std::unique_ptr<Link>(link), log) {}
    Log log;
    ScriptedLink* link;  // the card's
    Card card;
};

// EF 0006 with this label.
Bytes token_information(std::string label) {
    label.resize(80, ' ');
    Bytes answer(label.begin(), label.end());
    answer.insert(answer.end(), {0x90, 0x00});
    return answer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(card_files)

BOOST_AUTO_TEST_CASE(malformed_token_information_is_read_again) {
    Scripted on({"9000", "01029000", "9000"});
    on.link->answers.push_back(token_information("JPKIAPICCTOKEN2"));
    BOOST_CHECK(!on.card.token_information());
    const auto second = on.card.token_information();
    BOOST_REQUIRE(second);
    BOOST_CHECK_EQUAL(second->label, "JPKIAPICCTOKEN2");
    BOOST_CHECK_EQUAL(on.link->commands.size(), 4u);
    BOOST_CHECK_EQUAL(on.card.token_information()->label, "JPKIAPICCTOKEN2");
    BOOST_CHECK_EQUAL(on.link->commands.size(), 4u);
}

BOOST_AUTO_TEST_CASE(missing_token_information_is_not_read_again) {
    Scripted on({"9000", "6A82", "9000", "6A82"});  // SELECT, READ BINARY, SELECT EF
    BOOST_CHECK(!on.card.token_information());
    const auto sent = on.link->commands.size();
    BOOST_CHECK(!on.card.token_information());
    BOOST_CHECK_EQUAL(on.link->commands.size(), sent);
}

BOOST_AUTO_TEST_CASE(file_of_existing_keys_with_an_odd_answer_is_read_twice_at_the_most) {
    Scripted on({"9000", "6F00", "9000", "6F00", "9000", "6F00"});
    BOOST_CHECK(on.card.look() == std::optional<bool>(true));
    BOOST_CHECK(!on.card.looked_at());
    BOOST_CHECK(on.card.look() == std::optional<bool>(true));
    BOOST_CHECK(on.card.looked_at());
    const auto sent = on.link->commands.size();
    BOOST_CHECK(on.card.look() == std::optional<bool>(true));
    BOOST_CHECK_EQUAL(on.link->commands.size(), sent);
}

// After a reset the next read of a certificate selects the application again and compares the first bytes.
BOOST_AUTO_TEST_CASE(card_without_the_certificate_that_was_read_is_another_card) {
    const auto after_reset = [](std::string_view answer) {
        auto on = std::make_unique<Scripted>(std::initializer_list<std::string_view>{"9000", "30030201079000"});
        BOOST_CHECK(on->card.identity() == hex("3003020107"));
        on->link->reset = true;
        on->link->answers = {hex("9000"), hex(answer)};
        return on;
    };
    for (const char* answer : {"6A82", "6982", "9000", "30030201089000", "3003020107FF9000"}) {
        const auto on = after_reset(answer);
        BOOST_CHECK_THROW(on->card.certificate(KeyUse::authentication), CardRemoved);
        BOOST_CHECK_MESSAGE(on->card.presence() == Presence::replaced, answer);
    }
    const auto same = after_reset("30030201079000");
    BOOST_CHECK_THROW(same->card.certificate(KeyUse::authentication), UnusableFile);  // no certificate, but that of this card
    BOOST_CHECK(!same->card.gone());
}

BOOST_AUTO_TEST_SUITE_END()
