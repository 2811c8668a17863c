// READ BINARY of cards whose answers are odd: files that are missing, end early, or change between two reads.
#include "apdu/applet.hpp"
#include "apdu/errors.hpp"
#include "apdu/token_information.hpp"

#include "scripted_link.hpp"

#include <boost/test/unit_test.hpp>

using namespace jpki;
using apdu_test::hex;
using apdu_test::ScriptedLink;

namespace {

constexpr CommandProfile by_sfi{.form = CommandProfile::Form::short_form, .sfi_read_selects = true};
constexpr CommandProfile by_select_ef{.form = CommandProfile::Form::select_ef};

// A certificate of `size` bytes (256 to 8192) as far as its length goes.
Bytes certificate_of(std::size_t size) {
    Bytes der(size);
    for (std::size_t i = 0; i < size; ++i) der[i] = static_cast<std::uint8_t>(i * 31 + 7);
    der[0] = 0x30, der[1] = 0x82;
    der[2] = static_cast<std::uint8_t>((size - 4) >> 8);
    der[3] = static_cast<std::uint8_t>(size - 4);
    return der;
}

// The answer of a card that has `file` to a READ BINARY.
Bytes part(const Bytes& file, std::size_t from, std::size_t size) {
    Bytes answer(file.begin() + static_cast<std::ptrdiff_t>(from), file.begin() + static_cast<std::ptrdiff_t>(from + size));
    answer.insert(answer.end(), {0x90, 0x00});
    return answer;
}

struct Reading {
    explicit Reading(CommandProfile profile_, std::initializer_list<Bytes> answers = {}) : profile(profile_) {
        link.answers.assign(answers);
    }
    ScriptedLink link;
    CommandProfile profile;
    Link::Transaction transaction{link};
    Applet applet{transaction, profile};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(applet_files)

BOOST_AUTO_TEST_CASE(missing_file_is_absent_and_the_selected_one_is_not_read_in_its_place) {
    for (const char* missing : {"6A82", "6A88", "6986"}) {
        Reading on(by_select_ef, {hex(missing), hex("308200FC9000")});
        BOOST_CHECK(on.applet.read_start(Ef::existence, 3).kind == FileAnswer::Kind::absent);
        BOOST_CHECK_EQUAL(on.link.commands.size(), 1u);
    }
}

BOOST_AUTO_TEST_CASE(file_that_ends_before_le_is_read_as_far_as_it_goes) {
    Reading on(by_sfi, {hex("8F8F006282"), hex("6282")});
    const FileAnswer answer = on.applet.read_start(Ef::existence, 80);
    BOOST_CHECK(answer.kind == FileAnswer::Kind::read);
    BOOST_CHECK(answer.data == hex("8F8F00"));
    const FileAnswer empty = on.applet.read_start(Ef::existence, 80);
    BOOST_CHECK(empty.kind == FileAnswer::Kind::absent);
    BOOST_CHECK(!empty.success_without_data);
}

BOOST_AUTO_TEST_CASE(success_without_data_is_reported_with_the_absent_file) {
    Reading on(by_sfi, {hex("9000")});
    const FileAnswer answer = on.applet.read_start(Ef::existence, 3);
    BOOST_CHECK(answer.kind == FileAnswer::Kind::absent);
    BOOST_CHECK(answer.success_without_data);
}

BOOST_AUTO_TEST_CASE(reading_on_after_the_head_requires_the_same_byte_again) {
    const Bytes der = certificate_of(300), head(der.begin(), der.begin() + 256);
    const auto read_on = [&](const Bytes& answer) {
        Reading on(by_sfi, {answer});
        return on.applet.read_certificate(Ef::authentication_certificate, head);
    };
    const FileAnswer same = read_on(part(der, 255, 45));
    BOOST_CHECK(same.kind == FileAnswer::Kind::read);
    BOOST_CHECK(same.data == der);
    Bytes other = der;
    other[255] ^= 0x01;
    BOOST_CHECK(read_on(part(other, 255, 45)).kind == FileAnswer::Kind::malformed);
    BOOST_CHECK(read_on(hex("9000")).kind == FileAnswer::Kind::malformed);
}

BOOST_AUTO_TEST_CASE(read_without_new_data_ends_the_reading) {
    const Bytes der = certificate_of(300);
    // SELECT EF, then READ BINARY at 0, at 256, and what an endless loop would send.
    Reading on(by_select_ef, {hex("9000"), part(der, 0, 256), hex("9000"), part(der, 256, 44)});
    BOOST_CHECK(on.applet.read_certificate(Ef::authentication_certificate).kind == FileAnswer::Kind::malformed);
    BOOST_CHECK_EQUAL(on.link.commands.size(), 3u);
    // Nothing but the bytes that are read twice: the file is selected then.
    CommandProfile unknown = by_sfi;
    unknown.sfi_read_selects = false;
    Reading again(unknown, {part(der, 0, 256), part(der, 240, 16), hex("9000"), part(der, 256, 44)});
    BOOST_CHECK(again.applet.read_certificate(Ef::authentication_certificate).data == der);
    BOOST_CHECK(again.link.commands[2] == hex("00A4020C02000A"));
    BOOST_CHECK(!again.profile.sfi_read_selects);
}

BOOST_AUTO_TEST_CASE(card_that_sends_more_than_le_gives_no_certificate) {
    const Bytes der = certificate_of(300), longer = certificate_of(310);
    Bytes rest = part(longer, 256, 50);
    Reading on(by_select_ef, {hex("9000"), part(der, 0, 256), rest});
    BOOST_CHECK(on.applet.read_certificate(Ef::authentication_certificate).kind == FileAnswer::Kind::malformed);
}

BOOST_AUTO_TEST_SUITE_END()
