// One connection to one card: one operation at a time, the PC/SC transaction, the selected application, the effect of a fault on
// the connection, and its end. Independent of the applications: each is added, and told of what ends its state at the card.
#pragma once

#include "apdu/card_application.hpp"
#include "apdu/card_clock.hpp"
#include "apdu/errors.hpp"
#include "apdu/link.hpp"
#include "apdu/log.hpp"
#include "apdu/patience.hpp"
#include "apdu/thread_safety.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace jpki {

// What became of the card behind a connection (module/README.md, Card present, replaced, connection lost). The first change
// stays.
enum class Presence {
    present,
    removed,          // the card, its reader or the resource manager is gone
    replaced,         // another card answered, or one without the application
    connection_lost,  // the transport failed during a command; the card may still be in the reader
};

// After CardRemoved or TransportFault the object is gone(): it throws CardRemoved from then on and sends nothing any more.
class Connection {
public:
    Connection(std::unique_ptr<Link> link, Log& log) : link_(std::move(link)), log_(log) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // An application is told what CardApplication names from add() to remove(). Waits for an operation that is under way.
    void add(CardApplication& application) JPKI_EXCLUDES(mutex_);
    void remove(CardApplication& application) JPKI_EXCLUDES(mutex_);

    // --- any thread; none of these waits ---
    Presence presence() const noexcept { return presence_.load(std::memory_order_acquire); }
    bool gone() const noexcept { return presence() != Presence::present; }
    // Without effect on an operation that is under way, nor on the applications' state.
    void set_gone(Presence reason) noexcept;
    // Whether a transaction is held beyond the operation that began it.
    bool held() const noexcept { return !gone() && held_; }
    bool held_exclusively() const noexcept { return link_->held_exclusively(); }
    // Connects unless it is connected; nothing happens while an operation is under way. Throws as an operation does.
    void connect() JPKI_EXCLUDES(mutex_);
    // Ends the connection; the next transaction connects again, and its link reports a reset. Not while an operation is under
    // way, and not while a transaction is held or an application may be open, unless the card is gone.
    void let_go() noexcept JPKI_EXCLUDES(mutex_);
    // Asks PC/SC whether the connection is dead, unless an operation is under way. Sends nothing to the card.
    void check() noexcept JPKI_EXCLUDES(mutex_);

    // --- operations: one at a time ---
    // A transaction in which an operation talks to the card. The proof of its turn.
    class Exchange {
    public:
        // Begins the transaction, unless one is held.
        explicit Exchange(Connection& connection) JPKI_REQUIRES(connection.mutex_);
        ~Exchange();
        Exchange(const Exchange&) = delete;
        Exchange& operator=(const Exchange&) = delete;

        Link::Transaction& transaction() noexcept;

        // Selects `application`, be it selected or not (CardApplication::select). Every other application on this connection has
        // lost its security status then. False: the card does not have it.
        bool select(CardApplication& application, bool first_command = false);
        // Believed: another program may have selected something else since.
        bool selected(const CardApplication& application) const noexcept;
        // Certain: within this transaction.
        bool certain(const CardApplication& application) const noexcept;
        // An answer that only `application` gives has shown that it is selected.
        void confirm(CardApplication& application) noexcept;
        // It is not certain any more.
        void doubt() noexcept;
        // Something that no application here stands for is selected, or is about to be.
        void deselect() noexcept;
        // Every application has lost its security status: another one was selected, or the card's power is taken.
        void end_security_status() noexcept;
        // Whether no command was answered since a reset that may have been a cold one: the first answer may be 6F00. Asked once.
        bool first_command() noexcept;

        // Keeps the transaction after the operation, for operations of whoever `holder` says yes to.
        void hold(std::function<bool()> holder);
        void end_hold() noexcept;
        void card_recognised() noexcept;  // Link::card_recognised
        // Ends the use of the connection.
        void give_up(Presence reason) noexcept;
        // The card is not the one that this connection is for, or the same one with answers that are not its own. The caller
        // throws CardRemoved, which ends the transaction as after a removal.
        void card_replaced() noexcept;

    private:
        Connection& connection_;
    };

    // Waits for its turn, calls CardApplication::prepare of every application, and returns f(exchange).
    // Throws CardRemoved, CardBusy and CardFault.
    template <class F> auto run(F&& f) JPKI_EXCLUDES(mutex_);
    // Waits for its turn and returns f(), with what a fault means for the connection; without a transaction.
    template <class F> auto operate(F&& f) JPKI_EXCLUDES(mutex_);
    // f() once no operation is under way, whether or not the connection is gone.
    template <class F> auto locked(F&& f) JPKI_EXCLUDES(mutex_);
    // f() if no operation is under way; the second waits until `deadline`, or until `worth_it` says no. False: f was not called.
    template <class F> bool if_free(F&& f) JPKI_EXCLUDES(mutex_);
    template <class Predicate, class F> bool locked_until(CardClock::time_point deadline, Predicate worth_it, F&& f)
        JPKI_EXCLUDES(mutex_);

    // --- within one of these ---
    // In lambdas, for clang's analysis: this thread has its turn.
    void assert_turn() const noexcept JPKI_THREAD_SAFETY(assert_capability(mutex_)) {}
    template <class F> auto watched(F&& f) JPKI_REQUIRES(mutex_);
    template <class F> auto in_transaction(F&& f) JPKI_REQUIRES(mutex_);
    // A held transaction ends with the next one that is not held.
    void end_hold() noexcept JPKI_REQUIRES(mutex_) { held_ = false; }
    // Whether a transaction is held for others than the caller.
    bool held_for_another() const JPKI_REQUIRES(mutex_) { return held_ && !holder_(); }
    bool held_for(std::chrono::milliseconds age) const noexcept JPKI_REQUIRES(mutex_) {
        return held_ && CardClock::now() - held_since_ >= age;
    }
    void give_up(Presence reason) noexcept JPKI_REQUIRES(mutex_);
    Link& link() noexcept JPKI_REQUIRES(mutex_) { return *link_; }

private:
    // Tells every application that an operation ended, also one that failed.
    struct Ended {
        Connection& connection;
        ~Ended();
    };
    // Of an operation's thread, after its turn: a card that another thread found removed between Ended and the end of the turn
    // keeps no connection. That thread's let_go() had no turn.
    struct AfterTurn {
        Connection& connection;
        ~AfterTurn() {
            if (connection.gone()) connection.let_go();
        }
    };
    void take_turn() JPKI_ACQUIRE(mutex_);
    void begin() JPKI_REQUIRES(mutex_);
    bool may_be_open() const noexcept JPKI_REQUIRES(mutex_);
    // No logout is possible on this connection any more: if the card is still there, its power is taken when the transaction
    // ends, so that no login stays open. PC/SC may be wrong about a removal: pcscd takes a reader that does not answer for a
    // moment as one without a card. It does not power off a card that came later.
    void leave_no_login_open() noexcept JPKI_REQUIRES(mutex_);

    const std::unique_ptr<Link> link_;
    Log& log_;
    std::atomic<Presence> presence_ = Presence::present;
    std::atomic<bool> held_ = false;  // written under mutex_

    Mutex mutex_;  // held over I/O
    std::vector<CardApplication*> applications_ JPKI_GUARDED_BY(mutex_);
    std::optional<Link::Transaction> transaction_ JPKI_GUARDED_BY(mutex_);
    std::function<bool()> holder_ JPKI_GUARDED_BY(mutex_);
    CardClock::time_point held_since_ JPKI_GUARDED_BY(mutex_){};
    const CardApplication* selected_ JPKI_GUARDED_BY(mutex_) = nullptr;
    const CardApplication* certain_ JPKI_GUARDED_BY(mutex_) = nullptr;
    bool first_command_ JPKI_GUARDED_BY(mutex_) = true;
    bool let_go_ JPKI_GUARDED_BY(mutex_) = false;  // there is no connection
};

template <class F> auto Connection::in_transaction(F&& f) {
    Exchange exchange(*this);
    try {
        return f(exchange);
    } catch (const TransportFault&) {
        leave_no_login_open();
        throw;
    } catch (const CardRemoved&) {
        leave_no_login_open();
        throw;
    }
}

// What a fault means for the connection.
template <class F> auto Connection::watched(F&& f) {
    const Ended ended{*this};
    if (gone()) throw CardRemoved("card removed");
    try {
        return f();
    } catch (const CardRemoved& fault) {
        log_.info(fault.what());
        give_up(Presence::removed);
        throw;
    } catch (const TransportFault&) {
        give_up(Presence::connection_lost);
        throw;
    } catch (const CardFault&) {
        // The connection stays. The selection is not certain any more. The caller logs it.
        selected_ = certain_ = nullptr;
        throw;
    }
}

template <class F> auto Connection::operate(F&& f) {
    const AfterTurn after_turn{*this};
    take_turn();
    const MutexLock turn(mutex_, std::adopt_lock);
    return watched(std::forward<F>(f));
}

template <class F> auto Connection::run(F&& f) {
    return operate([&] {
        assert_turn();
        for (CardApplication* application : applications_) application->prepare();
        return in_transaction(f);
    });
}

template <class F> auto Connection::locked(F&& f) {
    const AfterTurn after_turn{*this};
    const MutexLock turn(mutex_);
    const Ended ended{*this};
    return f();
}

template <class F> bool Connection::if_free(F&& f) {
    if (!mutex_.try_lock()) return false;
    const MutexLock turn(mutex_, std::adopt_lock);
    f();
    return true;
}

template <class Predicate, class F> bool Connection::locked_until(CardClock::time_point deadline, Predicate worth_it, F&& f) {
    if (!lock_until(mutex_, deadline, worth_it)) return false;
    const MutexLock turn(mutex_, std::adopt_lock);
    f();
    return true;
}

}  // namespace jpki
