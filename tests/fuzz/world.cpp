#include "world.hpp"

#include "cards.hpp"
#include "clock.hpp"
#include "mutation.hpp"
#include "service.hpp"
#include "threads.hpp"

#include "module/pkcs11.hpp"

#include <poll.h>
#include <thread>

namespace jpki::fuzz {

using fake::Function;
using model::Bytes;
using model::ByteView;
using model::CardModel;
using model::Fault;
using model::KeyUse;

namespace {

constexpr const char* reader = "Fuzz 00 00";
constexpr const char* second_reader = "Other 00 00";
const auto main_thread = std::this_thread::get_id();
constexpr std::array<const char*, 2> wrong_pins = {"0000", "WRONG77"};

// Other programs may call the card: what they do is no fault of the module, nor if they get no answer.
struct OfOthers {
    explicit OfOthers(std::array<Person, 2>& people_) : people(people_) {
        for (std::size_t i = 0; i < 2; ++i) before[i] = people[i].card->counts();
    }
    ~OfOthers() {
        for (std::size_t i = 0; i < 2; ++i) {
            const auto after = people[i].card->counts();
            for (std::size_t use = 0; use < 2; ++use) {
                people[i].account.pins[use] += after.verify[use] - before[i].verify[use];
                people[i].account.wrong[use] += after.wrong[use] - before[i].wrong[use];
            }
        }
    }
    OfOthers(const OfOthers&) = delete;
    OfOthers& operator=(const OfOthers&) = delete;

    std::array<Person, 2>& people;
    std::array<CardModel::Counts, 2> before;
};

}  // namespace

// Without pcscd's bound: the module does not wait that long.
void World::block_connections(bool block) {
    const std::size_t before = fake::open_now().contexts;
    bool waited_for = false;
    {
        const std::scoped_lock lock(mutex_);
        if (block == connections_blocked_) return;
        connections_blocked_ = block;
        waited_for = !block && waiting_ > 0;
    }
    let_waits_time_out(block);
    unblocked_.notify_all();
    // A connection that no call waits for any more ends in its own thread. poll(2): sleeps take no time here.
    for (int i = 0; waited_for && i < 5 && fake::open_now().contexts >= before; ++i) ::poll(nullptr, 0, 1);
}

World::World(Input& input) {
    threads_of_fuzzer();
    fake::reset_everything();
    let_waits_time_out(false);
    const auto kind = input.byte(), extra = input.byte(), other_kind = input.byte(), pad = input.byte();
    people[0].card = card_of(kind, extra, 0);
    people[1].card = card_of(other_kind, extra, 1);
    fake::add_reader(reader, people[0].card);
    if (pad & 1) fake::give_pad(reader, {(pad & 2) == 0, (pad & 4) == 0, (pad & 8) != 0, {}});
    if (pad & 16) fake::add_reader(second_reader);
    fake::on_call([this](Function function) { on_call(function); });
}

World::~World() {
    fake::on_call({});
    fake::on_answer({});
    fake::on_wait({});
    fake::reset_everything();
    // One that waited for what failed has its answer now. It may still be in a hook.
    must(threads_have_ended());
}

// The other program's transaction ends after a number of calls; and at once where libpcsclite or pcscd would wait for its end
// without a bound.
void World::on_call(Function function) {
    if (std::this_thread::get_id() != main_thread) {
        if (function != Function::connect) return;
        {
            std::unique_lock lock(mutex_);
            ++waiting_;
            unblocked_.wait(lock, [this] { return !connections_blocked_; });
            --waiting_;
        }
        return release_other();
    }
    // A transaction whose end failed: pcscd would let the module's next connection wait for it without end.
    if (function == Function::connect && leaks && fake::open_now().transactions > 0) {
        fake::stop_service();
        fake::start_service();
    }
    if (calls_in_wait_ && ++*calls_in_wait_ == 300) {  // without a pcscd there is no event: it would wait for ever
        calm_down();
        fake::start_service();
    }
    if (!other_holds_) return;
    const bool waits = function == Function::connect || function == Function::begin_transaction ||
                       function == Function::reconnect || function == Function::transmit || function == Function::status ||
                       function == Function::disconnect;
    if (!waits && calls_until_release_-- > 0) return;
    release_other();
}

void World::release_other() {
    if (!other_holds_.exchange(false)) return;
    try {
        fake::other_closes(reader);
    } catch (const std::logic_error&) {
        // the reader was unplugged
    }
}

void World::calm_down() {
    block_connections(false);
    release_other();
    fake::on_answer({});
    auto& service = fake::detail::Service::instance();
    const fake::detail::Lock lock(service.mutex);
    for (auto& failures : service.failures) failures.clear();
}

bool World::closed() const {
    threads_have_ended(leaks ? 2 : 1000);
    return fake::open_now() == fake::Open{};
}

void World::insert(std::size_t who, void (*put)(const std::string&, fake::Card)) {
    put(reader, people[who].card);
    inserted = who;
}

void World::cards_and_readers(std::uint8_t choice, std::uint8_t how) {
    const std::size_t who = how & 1;
    switch (choice) {
    case 0: return fake::remove_card(reader);
    case 1: return insert(who, fake::insert_card);
    case 2: return insert(who, fake::swap_card);
    case 3:
        if (who == inserted) return;
        insert(who, fake::swap_unnoticed);
        swapped_unnoticed = true;
        return;
    case 4: return fake::insert_mute_card(reader);
    case 5: return fake::remove_reader(reader);
    case 6: return fake::add_reader(reader, how & 2 ? nullptr : people[inserted].card);
    case 7: return how & 1 ? fake::add_reader(second_reader) : fake::remove_reader(second_reader);
    case 8: return how & 1 ? fake::start_service() : fake::stop_service();
    default: return fake::power_down_idle(reader);
    }
}

void World::other_program(std::uint8_t choice, std::uint8_t how) {
    // It does not wait for the end of a transaction that the module holds: nothing would end it.
    struct WithoutWaiting {
        const bool before;
        explicit WithoutWaiting(bool before_) : before(before_) { let_waits_time_out(true); }
        ~WithoutWaiting() { let_waits_time_out(before); }
    } const without_waiting(connections_blocked_);
    switch (choice) {
    case 10:
        calls_until_release_ = how;
        if (fake::other_begins_transaction(reader)) other_holds_ = true;
        break;
    case 11:
        calls_until_release_ = how;
        if (fake::other_opens_exclusively(reader)) other_holds_ = true;
        break;
    case 12:
        fake::other_resets(reader, how & 1 ? SCARD_UNPOWER_CARD : SCARD_RESET_CARD);
        if (how & 2) fake::other_closes(reader, how & 4 ? SCARD_UNPOWER_CARD : SCARD_LEAVE_CARD);
        break;
    default: {
        const std::size_t use = how & 1;
        const std::string pin =
            how & 2 ? wrong_pins[use] : people[inserted].card->pin(use ? KeyUse::signature : KeyUse::authentication);
        Bytes verify = {0x00, 0x20, 0x00, static_cast<std::uint8_t>(use ? 0x9B : 0x98), static_cast<std::uint8_t>(pin.size())};
        verify.insert(verify.end(), pin.begin(), pin.end());
        const Bytes issuer_domain = {0x00, 0xA4, 0x04, 0x0C, 0x07, 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00};
        // It may log in, and no program can log out for it.
        calm = false;
        const OfOthers others(people);
        fake::other_transmit(reader, how & 4 ? issuer_domain : verify);
        break;
    }
    }
}

void World::fail_function(std::uint8_t how, Input& input) {
    static constexpr std::array<LONG, 16> codes = {
        SCARD_E_SHARING_VIOLATION,   SCARD_W_RESET_CARD,           SCARD_E_NO_SERVICE,
        SCARD_W_REMOVED_CARD,        SCARD_F_COMM_ERROR,           SCARD_E_NOT_TRANSACTED,
        SCARD_W_UNPOWERED_CARD,      SCARD_E_INVALID_HANDLE,       SCARD_E_TIMEOUT,
        SCARD_E_INSUFFICIENT_BUFFER, SCARD_E_UNKNOWN_READER,       SCARD_E_READER_UNAVAILABLE,
        SCARD_W_SECURITY_VIOLATION,  SCARD_E_NO_READERS_AVAILABLE, SCARD_W_UNRESPONSIVE_CARD,
        SCARD_E_NO_SMARTCARD};
    const auto function = static_cast<Function>(how % static_cast<std::uint8_t>(Function::count_));
    const auto code = input.byte(), when = input.byte();
    fake::fail(function, codes[code & 15], (code & 0xF0) == 0xF0 ? 1000 : 1u + (code >> 4), when & 15);
    calm = false;
    leaks = leaks || function == Function::release_context || function == Function::disconnect ||
            function == Function::end_transaction || function == Function::reconnect;
}

// The answer to a later command is changed, after the card has carried it out.
void World::change_answer(std::uint8_t how, Input& input) {
    const auto change = static_cast<Change>((how & 7) % 7);
    const auto bytes = input.bytes(how & 7 ? 3u : 2u);
    calm = false;
    answers_until_change_ = how >> 3;
    fake::on_answer([this, change, bytes](const std::string& name, ByteView command) -> std::optional<Bytes> {
        if (name != reader || answers_until_change_-- != 0) return std::nullopt;
        Input choices(bytes.data(), bytes.size());
        try {
            return changed(people[inserted].card->transmit(command), change, choices);
        } catch (const CardModel::CardGone&) {
            return std::nullopt;
        }
    });
}

void World::change_knobs(std::uint8_t how) {
    CardModel& card = *people[inserted].card;
    card.change_knobs([&](model::Knobs& knobs) {
        if (how & 1) knobs.pss = !knobs.pss;
        if (how & 2) knobs.short_forms = !knobs.short_forms;
        if (how & 4) knobs.foreign_read = model::Knobs::ForeignRead::other_certificate;
        if (how & 8) knobs.foreign_status = 0x9000;
    });
    if (how & 16) card.set_tries(how & 128 ? KeyUse::signature : KeyUse::authentication, (how >> 5) & 3);
}

void World::pad_entry(std::uint8_t how) {
    const std::size_t use = how & 1;
    const std::string right = people[inserted].card->pin(use ? KeyUse::signature : KeyUse::authentication);
    fake::PinEntry entry = fake::PinEntry::changed(how & 2 ? wrong_pins[use] : right, use ? "PAD456" : "9876");
    if (how & 4) entry.what = how & 8 ? fake::PinEntry::What::cancels : fake::PinEntry::What::goes_away;
    if (how & 16) entry.again = "other";
    if (how & 32) entry.meanwhile = [] { fake::remove_card(reader); };
    if (how & 64) entry.new_pin = "1";
    fake::user_will(reader, entry);
    // It is not known when the module asks for it: for which key and card, and whether the PIN is still the right one.
    for (Person& anybody : people)
        for (std::size_t key = 0; key < 2; ++key) {
            ++anybody.account.pins[key];
            ++anybody.account.consents[key];
            ++anybody.account.changes[key];
            ++anybody.account.wrong[key];
        }
}

void World::event(std::uint8_t choice, Input& input) {
    const auto how = input.byte();
    choice = static_cast<std::uint8_t>(choice % events);
    try {
        if (choice < 10) return cards_and_readers(choice, how);
        if (choice < 14) return other_program(choice, how);
        switch (choice) {
        case 14: return fail_function(how, input);
        case 15: return change_answer(how, input);
        case 16: return change_knobs(how);
        case 17: return pad_entry(how);
        case 18:
            calm = false;
            if (how & 128) fake::removal_answers(reader, how & 64 ? SCARD_E_NOT_TRANSACTED : SCARD_E_NO_SMARTCARD);
            return fake::inject(reader, {static_cast<Fault::Kind>((how & 15) % 12), (how >> 4) & 3u});
        case 19: return let_time_pass(std::chrono::milliseconds(50) * how * how);
        default: return block_connections(how & 1);
        }
    } catch (const std::logic_error&) {
        // impossible now, as a second card in a reader
    } catch (const fake::OtherFailed&) {
    }
}

void World::before_finalize() { calm = calm && !other_holds_; }

void World::prepare_wait(bool finalize) {
    if (finalize) before_finalize();
    calls_in_wait_ = 0;
    waits_ = 0;
    fake::on_wait([this, finalize] {
        // The first wait ends without an event, after its time.
        let_time_pass(std::chrono::seconds(1));
        if (++waits_ == 1) return;
        if (finalize) {
            std::thread([] { C_Finalize(nullptr); }).join();
            return;
        }
        const auto done = [](auto&& event) {
            try {
                event();
                return true;
            } catch (const std::logic_error&) {
                return false;
            }
        };
        if (done([] { fake::remove_card(reader); })) return;
        if (!done([&] { fake::insert_card(reader, people[inserted].card); }))
            done([&] { fake::add_reader(reader, people[inserted].card); });
    });
}

void World::end_wait() {
    fake::on_wait({});
    calls_in_wait_.reset();
}

}  // namespace jpki::fuzz
