// The PINs that this process saw rejected: not sent again while they must fail, and not in a core dump.
#include "pin_fixture.hpp"

#include "module/rejected_pins.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <sys/mman.h>

using namespace jpki::test;

namespace {

const std::string& fresh_pin(KeyUse use) {
    static const std::string pins[] = {"9999", "FRESH99"};
    return pins[index(use)];
}

// Another program, or the office, changes the PIN: the counter is reset.
void change_elsewhere(Fixture& f, KeyUse use, const std::string& pin) {
    f.card->change_knobs([&](Knobs& knobs) {
        knobs.pins[index(use)] = pin;
        knobs.tries[index(use)] = knobs.max_tries[index(use)];
    });
}

// The start addresses of the memory mappings with this flag (proc(5), smaps, VmFlags).
std::set<std::uintptr_t> mappings_with(const std::string& flag) {
    std::set<std::uintptr_t> found;
    std::ifstream smaps("/proc/self/smaps");
    std::uintptr_t begin = 0;
    for (std::string line; std::getline(smaps, line);) {
        std::istringstream words(line);
        std::string first;
        words >> first;
        if (first.find('-') != std::string::npos && first.back() != ':') begin = std::stoull(first, nullptr, 16);
        if (first != "VmFlags:") continue;
        for (std::string word; words >> word;)
            if (word == flag) found.insert(begin);
    }
    return found;
}

std::set<std::uintptr_t> new_ones(const std::set<std::uintptr_t>& before, const std::set<std::uintptr_t>& now) {
    std::set<std::uintptr_t> added;
    std::set_difference(now.begin(), now.end(), before.begin(), before.end(), std::inserter(added, added.end()));
    return added;
}

bool all_zero(std::uintptr_t page) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(page);
    return std::all_of(bytes, bytes + 4096, [](unsigned char byte) { return byte == 0; });
}

// Whether this process may lock memory (RLIMIT_MEMLOCK), and mlock() does so: with a sanitizer it does nothing.
bool can_lock_memory() {
    void* const memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    BOOST_REQUIRE(memory != MAP_FAILED);
    const auto before = mappings_with("lo");
    const bool locked = ::mlock(memory, 4096) == 0 && !new_ones(before, mappings_with("lo")).empty();
    ::munmap(memory, 4096);
    return locked;
}

std::uintptr_t watched_page = 0;
bool zero_when_released = false;

}  // namespace

// The linker puts it in the place of munmap (tests/module/CMakeLists.txt).
extern "C" int __real_munmap(void* address, std::size_t size);
extern "C" int __wrap_munmap(void* address, std::size_t size) {
    if (watched_page != 0 && reinterpret_cast<std::uintptr_t>(address) == watched_page)
        zero_when_released = all_zero(watched_page);
    return __real_munmap(address, size);
}

BOOST_AUTO_TEST_SUITE(rejected_pins)

BOOST_AUTO_TEST_CASE(rejected_pin_set_by_another_program_logs_in) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use));
        CHECK_RV(f.login(session, fresh_pin(use)), CKR_PIN_INCORRECT);
        change_elsewhere(f, use, fresh_pin(use));
        let_a_second_pass();
        CHECK_RV(f.login(session, fresh_pin(use)), CKR_OK);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 2u);
    }
}

BOOST_AUTO_TEST_CASE(rejected_pin_set_by_another_program_can_be_changed) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use), CKF_RW_SESSION);
        CHECK_RV(set_pin(session, fresh_pin(use), use == KeyUse::authentication ? "4711" : "OTHER77"), CKR_PIN_INCORRECT);
        change_elsewhere(f, use, fresh_pin(use));
        let_a_second_pass();
        CHECK_RV(set_pin(session, fresh_pin(use), use == KeyUse::authentication ? "4711" : "OTHER77"), CKR_OK);
    }
}

BOOST_AUTO_TEST_CASE(rejected_pin_takes_one_counter_query_and_no_try_while_counter_has_not_risen) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use));
        CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_INCORRECT);
        const int left = f.card->tries(use);
        for (const int now : {left, left - 1}) {
            f.card->set_tries(use, now);
            let_a_second_pass();
            f.card->reset_counts();
            CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_INCORRECT);
            BOOST_CHECK_EQUAL(commands(*f.card), 2u);  // SELECT, and the query
            CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_INCORRECT);
            BOOST_CHECK_EQUAL(commands(*f.card), 2u);  // within a second the counter is not queried again
            BOOST_CHECK_EQUAL(verifies(*f.card, use), 0u);
            BOOST_CHECK_EQUAL(f.card->tries(use), now);
        }
    }
}

BOOST_AUTO_TEST_CASE(rejected_pin_returns_locked_on_card_blocked_since) {
    Fixture f;
    const auto session = f.open(auth_slot);
    CHECK_RV(f.login(session, "0000"), CKR_PIN_INCORRECT);
    f.card->set_tries(KeyUse::authentication, 0);
    let_a_second_pass();
    CHECK_RV(f.login(session, "0000"), CKR_PIN_LOCKED);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 1u);
}

BOOST_AUTO_TEST_CASE(rise_of_counter_is_noticed_after_later_tries) {
    const std::vector<std::pair<const char*, std::function<void(Fixture&, CK_SESSION_HANDLE)>>> ways = {
        {"another wrong PIN of this process",
         [](Fixture& f, CK_SESSION_HANDLE session) { CHECK_RV(f.login(session, "1111"), CKR_PIN_INCORRECT); }},
        {"seen by C_GetTokenInfo, then another program's wrong PIN", [](Fixture& f, CK_SESSION_HANDLE) {
             let_a_second_pass();
             BOOST_CHECK_EQUAL(pin_flags(auth_slot), 0u);
             f.card->set_tries(KeyUse::authentication, 2);
         }}};
    for (const auto& [name, way] : ways) {
        BOOST_TEST_CONTEXT(name) {
            Fixture f;
            const auto session = f.open(auth_slot);
            CHECK_RV(f.login(session, "9999"), CKR_PIN_INCORRECT);
            change_elsewhere(f, KeyUse::authentication, "9999");
            way(f, session);
            BOOST_REQUIRE_EQUAL(f.card->tries(KeyUse::authentication), 2);  // the counter as it was when 9999 was rejected
            let_a_second_pass();
            CHECK_RV(f.login(session, "9999"), CKR_OK);
        }
    }
}

BOOST_AUTO_TEST_CASE(wrong_pin_at_pad_lowers_stored_counter) {
    for (const bool change : {false, true}) {
        Fixture f;
        fake::give_pad(reader_name, {});
        const auto session = f.open(auth_slot, CKF_RW_SESSION);
        CHECK_RV(f.login(session, "9999"), CKR_PIN_INCORRECT);
        fake::user_will(reader_name, fake::PinEntry::typed("1111"));
        CHECK_RV(change ? C_SetPIN(session, nullptr, 0, nullptr, 0) : C_Login(session, CKU_USER, nullptr, 0), CKR_PIN_INCORRECT);
        BOOST_REQUIRE_EQUAL(f.card->tries(KeyUse::authentication), 1);
        change_elsewhere(f, KeyUse::authentication, "9999");
        f.card->set_tries(KeyUse::authentication, 2);
        let_a_second_pass();
        CHECK_RV(f.login(session, "9999"), CKR_OK);
    }
}

BOOST_AUTO_TEST_CASE(rejected_pin_prints_are_not_in_core_dump_or_child_and_wiped_by_login) {
    Fixture f;
    const auto session = f.open(auth_slot);
    const auto kept_out = mappings_with("dd"), wiped_on_fork = mappings_with("wf"), not_swapped = mappings_with("lo");
    CHECK_RV(f.login(session, "0000"), CKR_PIN_INCORRECT);
    const auto pages = new_ones(kept_out, mappings_with("dd"));
    BOOST_REQUIRE_EQUAL(pages.size(), 1u);
    BOOST_CHECK(new_ones(wiped_on_fork, mappings_with("wf")) == pages);
    if (can_lock_memory()) BOOST_CHECK(new_ones(not_swapped, mappings_with("lo")) == pages);
    BOOST_CHECK(!all_zero(*pages.begin()));
    REQUIRE_OK(f.login(session, auth_pin));
    BOOST_CHECK(all_zero(*pages.begin()));
    REQUIRE_OK(C_Finalize(nullptr));
    BOOST_CHECK(new_ones(kept_out, mappings_with("dd")).empty());
}

BOOST_AUTO_TEST_CASE(rejected_pin_prints_and_key_have_their_own_page_and_are_wiped_when_counter_rises) {
    const jpki::Crypto crypto;
    const auto before = mappings_with("dd");
    jpki::RejectedPins pins(crypto);
    const Bytes pin = {'1', '2', '3', '4'}, another = {'4', '3', '2', '1'};
    const auto print = pins.print(pin);
    const auto pages = new_ones(before, mappings_with("dd"));
    BOOST_REQUIRE_EQUAL(pages.size(), 1u);
    pins.add(print, 2);
    BOOST_CHECK(pins.contains(pins.print(pin)));
    BOOST_CHECK(!pins.contains(pins.print(another)));
    const auto* page = reinterpret_cast<const unsigned char*>(*pages.begin());
    BOOST_CHECK(std::search(page, page + 4096, print.mac.begin(), print.mac.end()) != page + 4096);
    pins.heard(2);
    BOOST_CHECK(pins.contains(pins.print(pin)));
    pins.heard(3);
    BOOST_CHECK(all_zero(*pages.begin()));
    BOOST_CHECK(!pins.contains(pins.print(pin)));
    BOOST_CHECK(pins.print(pin).mac != print.mac);  // another key
}

BOOST_AUTO_TEST_CASE(rejected_pin_prints_and_key_are_wiped_before_their_page_is_released) {
    const jpki::Crypto crypto;
    const auto before = mappings_with("dd");
    {
        jpki::RejectedPins pins(crypto);
        const Bytes pin = {'1', '2', '3', '4'};
        pins.add(pins.print(pin), 2);
        const auto pages = new_ones(before, mappings_with("dd"));
        BOOST_REQUIRE_EQUAL(pages.size(), 1u);
        watched_page = *pages.begin();
        BOOST_CHECK(!all_zero(watched_page));
        zero_when_released = false;
    }
    watched_page = 0;
    BOOST_CHECK(zero_when_released);
}

BOOST_AUTO_TEST_CASE(rejected_pins_of_card_without_countdown_are_bounded) {
    const jpki::Crypto crypto;
    jpki::RejectedPins pins(crypto);
    for (int i = 0; i < 1000; ++i) {
        const std::string digits = std::to_string(1000 + i);
        pins.add(pins.print(Bytes(digits.begin(), digits.end())), 1000 - i);
    }
    BOOST_CHECK(pins.contains(pins.print(Bytes{'1', '9', '9', '9'})));
    BOOST_CHECK(pins.contains(pins.print(Bytes{'1', '9', '8', '4'})));
    BOOST_CHECK(!pins.contains(pins.print(Bytes{'1', '9', '8', '3'})));
}

BOOST_AUTO_TEST_SUITE_END()
