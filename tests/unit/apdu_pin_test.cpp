// Secrets, the rules of PINs, the parser of EF 0006, and the head of a certificate file.
#include "apdu/certificate_file.hpp"
#include "apdu/pin.hpp"
#include "apdu/token_information.hpp"
#include "scripted_link.hpp"

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <new>
#include <random>
#include <type_traits>

using namespace jpki;
using apdu_test::hex;

namespace {

ByteView view(const std::string& text) {
    return {static_cast<const std::uint8_t*>(static_cast<const void*>(text.data())), text.size()};
}
std::string text_of(const Secret& secret) { return {secret.view().begin(), secret.view().end()}; }

PinShape shape(KeyUse use, const std::string& text) {
    Secret secret;
    const PinShape result = take_pin(use, view(text), secret);
    if (result != PinShape::good) BOOST_CHECK_EQUAL(secret.size(), 0u);
    return result;
}
PinShape new_shape(KeyUse use, const std::string& text) {
    Secret secret;
    const PinShape result = take_new_pin(use, view(text), secret);
    if (result != PinShape::good) BOOST_CHECK_EQUAL(secret.size(), 0u);
    return result;
}

Bytes token_file(std::string label, std::string model) {
    label.resize(32, ' ');
    model.resize(16, ' ');
    Bytes file(160, 0);
    std::copy(label.begin(), label.end(), file.begin());
    std::fill(file.begin() + 32, file.begin() + 64, std::uint8_t{' '});
    std::copy(model.begin(), model.end(), file.begin() + 64);
    return file;
}

}  // namespace

BOOST_AUTO_TEST_CASE(secret_cannot_be_copied_and_is_wiped_in_place) {
    static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
    static_assert(!std::is_move_constructible_v<Secret> && !std::is_convertible_v<Secret, std::string>);
    alignas(Secret) std::uint8_t room[sizeof(Secret)];
    std::memset(room, 0, sizeof room);
    auto* secret = new (room) Secret;
    for (const char c : std::string("7391")) BOOST_CHECK(secret->append(static_cast<std::uint8_t>(c)));
    BOOST_REQUIRE(std::memcmp(secret->view().data(), "7391", 4) == 0);
    secret->~Secret();
    const Bytes pin = hex("37333931");
    BOOST_CHECK(std::search(std::begin(room), std::end(room), pin.begin(), pin.end()) == std::end(room));
    Secret full;
    for (std::size_t i = 0; i < Secret::capacity; ++i) BOOST_CHECK(full.append('1'));
    BOOST_CHECK(!full.append('1'));
    BOOST_CHECK_EQUAL(full.size(), Secret::capacity);
    full.wipe();
    BOOST_CHECK_EQUAL(full.size(), 0u);
}

BOOST_AUTO_TEST_CASE(authentication_pin_has_four_digits) {
    BOOST_CHECK(shape(KeyUse::authentication, "0000") == PinShape::good);
    BOOST_CHECK(shape(KeyUse::authentication, "9876") == PinShape::good);
    for (const char* wrong : {"", "1", "123", "12345", "1234567890123456"})
        BOOST_CHECK(shape(KeyUse::authentication, wrong) == PinShape::wrong_length);
    for (const char* wrong : {"12a4", "ABCD", "12 4", "12\t4", "1/34", "1:34"})
        BOOST_CHECK(shape(KeyUse::authentication, wrong) == PinShape::wrong_alphabet);
    BOOST_CHECK(shape(KeyUse::authentication, std::string("12\0"
                                                          "4",
                                                          4)) == PinShape::wrong_alphabet);
    BOOST_CHECK(new_shape(KeyUse::authentication, "4321") == PinShape::good);
}

BOOST_AUTO_TEST_CASE(signature_password_has_6_to_16_letters_and_digits_in_upper_case) {
    Secret secret;
    BOOST_REQUIRE(take_pin(KeyUse::signature, view("abcxyz019ABCXYZ9"), secret) == PinShape::good);
    BOOST_CHECK_EQUAL(text_of(secret), "ABCXYZ019ABCXYZ9");
    BOOST_CHECK(shape(KeyUse::signature, "ABC123") == PinShape::good);
    for (const char* wrong : {"", "ABC12", "ABCDEFGHIJ1234567"})
        BOOST_CHECK(shape(KeyUse::signature, wrong) == PinShape::wrong_length);
    for (const char* wrong : {"ABC 123", "ABC-123", "ABC@123", "ABC[123", "ABC`123", "ABC{123", "ABC/123", "ABC:123",
                              "\xE3\x81\x82"
                              "ABC1"})
        BOOST_CHECK(shape(KeyUse::signature, wrong) == PinShape::wrong_alphabet);
    // At a login the card decides about the composition; for a new password the office's rule applies.
    BOOST_CHECK(shape(KeyUse::signature, "ABCDEF") == PinShape::good);
    for (const char* wrong : {"ABCDEF", "abcdef", "123456"})
        BOOST_CHECK(new_shape(KeyUse::signature, wrong) == PinShape::wrong_composition);
    for (const char* good : {"ABCDE1", "12345a"}) BOOST_CHECK(new_shape(KeyUse::signature, good) == PinShape::good);
}

BOOST_AUTO_TEST_CASE(pin_alphabet_is_exactly_letters_and_digits) {
    for (int c = 0; c < 256; ++c) {
        std::string text = "ABC12";
        text += static_cast<char>(c);
        const bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        BOOST_CHECK_EQUAL(shape(KeyUse::signature, text) == PinShape::good, good);
        text = "123";
        text += static_cast<char>(c);
        BOOST_CHECK_EQUAL(shape(KeyUse::authentication, text) == PinShape::good, c >= '0' && c <= '9');
    }
}

BOOST_AUTO_TEST_CASE(token_information_is_label_and_model_without_padding) {
    for (const char* label :
         {"JPKIAPICCTOKEN2", "JPKIAPICCTOKEN", "JPKIAPICCTOKEN3", "JPKIAPGPSETOKEN", "JPKIAPIOSTOKEN", "JPKIAPNEWTOKEN", ""}) {
        const auto information = parse_token_information(token_file(label, "E16R01NJ"));
        BOOST_REQUIRE(information);
        BOOST_CHECK_EQUAL(information->label, label);
        BOOST_CHECK_EQUAL(information->model, "E16R01NJ");
        BOOST_CHECK_EQUAL(information->is_phone(), std::string(label).rfind("JPKIAPICCTOKEN", 0) != 0);
    }
    const auto zeros =
        parse_token_information(token_file(std::string("JPKIAPICCTOKEN2\0\0", 17), std::string("E16R01NJ\0\0\0\0\0\0\0\0", 16)));
    BOOST_REQUIRE(zeros);
    BOOST_CHECK_EQUAL(zeros->model, "E16R01NJ");
    BOOST_CHECK_EQUAL(parse_token_information(token_file("", ""))->label, "");
    BOOST_CHECK_EQUAL(parse_token_information(token_file(std::string(40, 'A'), std::string(20, 'B')))->label,
                      std::string(32, 'A'));
}

BOOST_AUTO_TEST_CASE(short_or_binary_token_information_is_ignored) {
    const Bytes good = token_file("JPKIAPICCTOKEN2", "E16R01NJ");
    for (std::size_t size = 0; size <= 160; ++size) {
        Bytes cut = good;
        cut.resize(size);
        BOOST_CHECK_EQUAL(parse_token_information(cut).has_value(), size >= TokenInformation::size);
    }
    for (const std::size_t at : {0u, 31u, 64u, 79u})
        for (const int byte : {0x1F, 0x7F, 0x80, 0xFF, 0x0A}) {
            Bytes bad = good;
            bad[at] = static_cast<std::uint8_t>(byte);
            BOOST_CHECK(!parse_token_information(bad));
        }
    Bytes hole = good;
    hole[3] = 0;  // a NUL in the middle
    BOOST_CHECK(!parse_token_information(hole));
    hole = good;
    hole[40] = 0xFF;  // the manufacturer is ignored
    BOOST_CHECK(parse_token_information(hole));
}

BOOST_AUTO_TEST_CASE(head_of_certificate_file_has_its_length) {
    const struct {
        const char* head;
        std::size_t total;
    } rows[] = {{"3003 0201", 5},      {"307F 0201", 129},       {"3081 80 02", 131},     {"3081 FF 02", 258},
                {"3082 0100 02", 260}, {"3082 0622 3082", 1574}, {"3082 1FFC 3082", 8192}};
    for (const auto& row : rows) {
        std::size_t total = 0;
        BOOST_CHECK_MESSAGE(examine_head(hex(row.head), total) == FileHead::certificate, row.head);
        BOOST_CHECK_EQUAL(total, row.total);
    }
}

BOOST_AUTO_TEST_CASE(head_with_wrong_tag_or_length_is_malformed_and_empty_one_means_no_certificate) {
    for (const char* head : {"", "00", "FF", "FFFFFFFF", "00000000", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"}) {
        std::size_t total = 0;
        BOOST_CHECK_MESSAGE(examine_head(hex(head), total) == FileHead::nothing, head);
    }
    for (const char* head : {"30",
                             "3080 0000",
                             "3000 FFFF",
                             "3082 1FFD 3082",
                             "3082 FFFF 3082",
                             "3083 FFFFFF 30",
                             "3083 000100 30",
                             "3084 FFFFFFFF",
                             "3088 FFFFFFFFFFFFFFFF",
                             "30FF FFFFFFFF",
                             "3082",
                             "3082 06",
                             "3081",
                             "3182 0100",
                             "0482 0100",
                             "2482 0100",
                             "7F82 0100",
                             "3F10 0100",
                             "00FF",
                             "FF00",
                             "0000 0030",
                             "B082 0100",
                             "FFFF FF00"}) {
        std::size_t total = 0;
        BOOST_CHECK_MESSAGE(examine_head(hex(head), total) == FileHead::malformed, head);
    }
}

BOOST_AUTO_TEST_CASE(length_from_any_head_is_within_bounds) {
    std::mt19937 random(1);
    for (int i = 0; i < 20000; ++i) {
        Bytes head(random() % 12);
        for (auto& byte : head) byte = static_cast<std::uint8_t>(random());
        if (!head.empty() && i % 2) head[0] = 0x30;
        std::size_t total = 0;
        if (examine_head(head, total) == FileHead::certificate) BOOST_REQUIRE(total >= 3 && total <= certificate_size_max);
    }
}
