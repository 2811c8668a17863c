#include "module/rejected_pins.hpp"

#include <algorithm>
#include <new>
#include <openssl/crypto.h>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace jpki {

// All zero after mmap and after wiping: no key, no rejected PIN.
struct RejectedPins::Page {
    static constexpr std::size_t capacity = 16;
    using Mac = std::array<std::uint8_t, 32>;

    bool has_key;
    int tries_left;     // the last known count, while `added` is not 0
    std::size_t added;  // the last `capacity` of them are kept
    Mac key;
    std::array<Mac, capacity> rejected;

    static Page* make() {
        static_assert(sizeof(Page) <= 4096, "the smallest page there is");
        void* memory = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        // If a kernel or a limit refuses one of these, a wrong PIN must still not be sent twice.
        ::madvise(memory, sizeof(Page), MADV_DONTDUMP);
        ::madvise(memory, sizeof(Page), MADV_WIPEONFORK);
        ::mlock(memory, sizeof(Page));
        return new (memory) Page{};
    }
    void wipe() noexcept { OPENSSL_cleanse(this, sizeof *this); }
    void drop_rejected() noexcept {
        OPENSSL_cleanse(rejected.data(), sizeof rejected);
        added = 0;
    }
};

RejectedPins::Print::~Print() { OPENSSL_cleanse(mac.data(), mac.size()); }

RejectedPins::~RejectedPins() {
    if (!page_) return;
    page_->wipe();
    ::munmap(page_, sizeof(Page));
}

RejectedPins::Print RejectedPins::print(ByteView pin) {
    if (!page_) page_ = Page::make();
    // Not from OpenSSL: its generator would leave state of our library context in this thread, which may end after
    // the context, and would then use freed memory (OPENSSL_thread_stop_ex(3)).
    if (!page_->has_key && ::getentropy(page_->key.data(), page_->key.size()) != 0)
        throw std::runtime_error("getentropy failed: no random bytes");
    page_->has_key = true;
    Print print;
    crypto_.hmac_sha256(page_->key, pin, print.mac);
    return print;
}

bool RejectedPins::contains(const Print& print) const noexcept {
    if (!page_) return false;
    const auto& rejected = page_->rejected;
    const auto end = rejected.begin() + static_cast<std::ptrdiff_t>(std::min(page_->added, Page::capacity));
    return std::find(rejected.begin(), end, print.mac) != end;
}

void RejectedPins::add(const Print& print, int tries_left) noexcept {
    if (!page_) return;
    rejected_unknown(tries_left);
    page_->rejected[page_->added % Page::capacity] = print.mac;
    ++page_->added;
    page_->tries_left = tries_left;
}

void RejectedPins::rejected_unknown(int tries_left) noexcept {
    if (!page_) return;
    // Before this rejection there was one try more. The key stays: the PIN being added was hashed with it.
    if (page_->added != 0 && tries_left + 1 > page_->tries_left) page_->drop_rejected();
    page_->tries_left = tries_left;
}

void RejectedPins::heard(int tries_left) noexcept {
    if (!page_ || page_->added == 0) return;
    if (tries_left > page_->tries_left) clear();
    else page_->tries_left = tries_left;
}

void RejectedPins::clear() noexcept {
    if (page_) page_->wipe();
}

}  // namespace jpki
