// pthread_cancel of a host's thread inside the module: the call runs to its end, and then the thread is cancelled.
#include "fixture.hpp"

#include <atomic>
#include <chrono>
#include <pthread.h>
#include <thread>

using namespace jpki::test;

namespace {

// A thread of the host that can be cancelled anywhere (the default), and calls `call` once.
class Host {
public:
    explicit Host(std::function<void()> call) : call_(std::move(call)) {
        BOOST_REQUIRE_EQUAL(::pthread_create(&thread_, nullptr, &Host::run, this), 0);
    }
    void cancel() { BOOST_REQUIRE_EQUAL(::pthread_cancel(thread_), 0); }
    // Whether the thread was cancelled, rather than returned.
    bool join() {
        void* result = nullptr;
        BOOST_REQUIRE_EQUAL(::pthread_join(thread_, &result), 0);
        return result == PTHREAD_CANCELED;
    }
    std::atomic<bool> returned = false;

private:
    static void* run(void* self) {
        Host& host = *static_cast<Host*>(self);
        host.call_();
        host.returned = true;
        ::pthread_testcancel();
        return nullptr;
    }
    std::function<void()> call_;
    pthread_t thread_{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(thread_cancelled_inside_C_Sign_gets_its_signature_first) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    const Bytes data(32, 0x11);
    CK_RV rv = CKR_GENERAL_ERROR;
    Bytes signature;
    std::atomic<bool> inside = false, cancelled = false;
    jpki::fake::on_transmit([&](const std::string&, jpki::fake::ByteView) {
        if (inside.exchange(true)) return;
        while (!cancelled) std::this_thread::yield();               // no cancellation point
        std::this_thread::sleep_for(std::chrono::milliseconds(1));  // a cancellation point inside of the call
    });
    Host host([&] { rv = sign(session, key, CKM_SHA256_RSA_PKCS, data, signature); });
    while (!inside) std::this_thread::yield();
    host.cancel();
    cancelled = true;
    BOOST_CHECK(host.join());
    BOOST_CHECK(host.returned);
    jpki::fake::on_transmit({});
    CHECK_RV(rv, CKR_OK);
    BOOST_CHECK(openssl_verifies(f.card->pki().authentication_certificate, CKM_SHA256_RSA_PKCS, data, signature));
    // No lock stays locked.
    signed_by(session, key, CKM_SHA256_RSA_PKCS, data);
}

BOOST_AUTO_TEST_CASE(thread_cancelled_inside_C_WaitForSlotEvent_waits_until_C_Finalize) {
    Fixture f;
    CK_RV rv = CKR_GENERAL_ERROR;
    Host host([&] {
        CK_SLOT_ID slot = 0;
        rv = C_WaitForSlotEvent(0, &slot, nullptr);
    });
    BOOST_REQUIRE(jpki::fake::wait_until_blocked(jpki::fake::Function::get_status_change));
    host.cancel();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    BOOST_CHECK(!host.returned);
    // Other threads still work.
    const auto session = f.open_logged_in(auth_slot);
    BOOST_CHECK(find_key(session) != CK_INVALID_HANDLE);
    REQUIRE_OK(C_Finalize(nullptr));
    BOOST_CHECK(host.join());
    BOOST_CHECK(host.returned);
    CHECK_RV(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
}

BOOST_AUTO_TEST_CASE(cancellation_state_of_host_is_not_changed) {
    Fixture f;
    for (const int wanted : {PTHREAD_CANCEL_DISABLE, PTHREAD_CANCEL_ENABLE}) {
        int state = 0;
        ::pthread_setcancelstate(wanted, &state);
        CK_INFO info{};
        CHECK_RV(C_GetInfo(&info), CKR_OK);
        CHECK_RV(C_GetInfo(nullptr), CKR_ARGUMENTS_BAD);
        ::pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
        BOOST_CHECK_EQUAL(state, wanted);
    }
}
