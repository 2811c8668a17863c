// No memory at the worst moment: in functions that must not throw, with an exception to report. And memory that is released.
#include "apdu/card.hpp"
#include "apdu/pcsc_link.hpp"

#include "fixture.hpp"

#include "log_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local bool no_memory = false;

void* allocate(std::size_t size) {
    void* memory = no_memory ? nullptr : std::malloc(size == 0 ? 1 : size);
    if (!memory) throw std::bad_alloc();
    return memory;
}

// Looks at memory when it is released.
const void* watched = nullptr;
std::size_t watched_size = 0;
bool zero_when_released = false;

void release(void* memory) noexcept {
    if (memory != nullptr && memory == watched) {
        const auto* bytes = static_cast<const unsigned char*>(memory);
        zero_when_released = std::all_of(bytes, bytes + watched_size, [](unsigned char byte) { return byte == 0; });
        watched = nullptr;
    }
    std::free(memory);
}

struct NoMemory {
    NoMemory() { no_memory = true; }
    ~NoMemory() { no_memory = false; }
};

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }

using namespace jpki::test;

namespace {

// A reader whose name needs no allocation either: the fake of PC/SC copies it, unlike libpcsclite.
struct World {
    explicit World(const std::string& settings) : settings_(settings), card(std::make_shared<CardModel>(TestPki::shared())) {
        jpki::fake::reset_everything();
        jpki::fake::add_reader("R", card);
        REQUIRE_OK(C_Initialize(nullptr));
        CK_ULONG count = 0;
        REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
        REQUIRE_OK(C_OpenSession(sign_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
        REQUIRE_OK(login(CKU_USER));
    }
    ~World() { C_Finalize(nullptr); }
    CK_RV login(CK_USER_TYPE user) {
        std::string pin = sign_pin;
        return C_Login(session, user, reinterpret_cast<unsigned char*>(pin.data()), static_cast<CK_ULONG>(pin.size()));
    }

    SettingsFile settings_;
    std::shared_ptr<CardModel> card;
    CK_SESSION_HANDLE session = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(end_of_consent_that_fails_without_memory_is_logged_without_allocation) {
    const LogFile log;
    World w("[signature]\nconsent = \"each\"\n" + log.settings("error"));
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    REQUIRE_OK(C_SignInit(w.session, &mechanism, find_key(w.session)));
    REQUIRE_OK(w.login(CKU_CONTEXT_SPECIFIC));
    jpki::fake::on_transmit(
        [](const std::string&, jpki::fake::ByteView) { no_memory = true; });  // the security status is being reset
    C_SessionCancel(w.session, CKF_SIGN);
    no_memory = false;
    jpki::fake::on_transmit({});
    bool reported = false;
    for (const std::string& line : log.lines()) reported = reported || line.find("std::bad_alloc") != std::string::npos;
    BOOST_CHECK(reported);
}

BOOST_AUTO_TEST_CASE(end_of_login_that_fails_without_memory_is_logged_without_allocation) {
    const LogFile log;
    World w(log.settings("error"));
    {
        const NoMemory here;
        C_Finalize(nullptr);
    }
    const auto lines = log.lines();
    BOOST_REQUIRE(!lines.empty());
    BOOST_CHECK(lines.front().find("cannot end the login at the card: std::bad_alloc") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(call_without_memory_answers_CKR_HOST_MEMORY) {
    World w("");
    CK_RV rv = CKR_OK;
    unsigned char data[1] = {}, hash[32];
    CK_ULONG length = sizeof hash;
    CK_MECHANISM mechanism = {CKM_SHA256, nullptr, 0};
    {
        const NoMemory here;
        rv = C_DigestInit(w.session, &mechanism);
    }
    CHECK_RV(rv, CKR_HOST_MEMORY);
    REQUIRE_OK(C_DigestInit(w.session, &mechanism));
    CHECK_RV(C_Digest(w.session, data, 1, hash, &length), CKR_OK);
}

BOOST_AUTO_TEST_CASE(operation_without_memory_to_keep_what_it_read_succeeds_and_the_next_one_asks_again) {
    jpki::fake::reset_everything();
    jpki::fake::add_reader("R", std::make_shared<CardModel>(TestPki::shared()));
    jpki::Log log;
    jpki::Card card(std::make_unique<jpki::PcscLink>(log, "R", std::chrono::milliseconds(1000)), log);
    // Only what follows the transaction has no memory.
    jpki::fake::on_call([](jpki::fake::Function function) { no_memory = function == jpki::fake::Function::end_transaction; });
    const bool has = card.has_key(jpki::KeyUse::authentication);
    no_memory = false;
    jpki::fake::on_call({});
    BOOST_CHECK(has);
    for (const std::size_t transactions : {1u, 0u}) {
        jpki::fake::reset_calls();
        BOOST_CHECK(card.has_key(jpki::KeyUse::authentication));
        BOOST_CHECK_EQUAL(jpki::fake::calls(jpki::fake::Function::begin_transaction), transactions);
    }
}

BOOST_AUTO_TEST_CASE(transaction_that_begins_after_a_reset_and_without_memory_is_ended) {
    World w("");
    BOOST_REQUIRE(jpki::fake::other_resets("R"));
    // From the transaction's beginning on, after the reconnect.
    int begun = 0;
    jpki::fake::on_call([&begun](jpki::fake::Function function) {
        if (function == jpki::fake::Function::begin_transaction) no_memory = ++begun == 2;
        if (function == jpki::fake::Function::end_transaction) no_memory = false;
    });
    const CK_RV rv = C_Logout(w.session);
    no_memory = false;
    jpki::fake::on_call({});
    CHECK_RV(rv, CKR_HOST_MEMORY);
    BOOST_CHECK_EQUAL(jpki::fake::open_now().transactions, 0u);
}

BOOST_AUTO_TEST_CASE(bytes_are_wiped_before_their_memory_is_released) {
    const auto watch = [](const jpki::Bytes& bytes) {
        watched = bytes.data();
        watched_size = bytes.size();
        zero_when_released = false;
    };
    jpki::Bytes bytes(300, 0xA5);
    watch(bytes);
    bytes.resize(bytes.capacity() + 1, 0xA5);  // moves
    BOOST_CHECK(watched == nullptr);
    BOOST_CHECK(zero_when_released);
    watch(bytes);
    bytes = jpki::Bytes();
    BOOST_CHECK(watched == nullptr);
    BOOST_CHECK(zero_when_released);
}
