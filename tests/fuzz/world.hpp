// What surrounds the module, as an input chooses it: cards, readers, PIN pad, another program, faults of PC/SC and of the card.
// On the fake of PC/SC, so that everything that pcsc-lite does can happen.
#pragma once

#include "account.hpp"
#include "input.hpp"

#include "fake_pcsc.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

namespace jpki::fuzz {

class World {
public:
    explicit World(Input& input);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // One event between two calls. Takes further bytes from the input.
    void event(std::uint8_t choice, Input& input);
    static constexpr unsigned events = 21;

    // Before a C_Finalize, which cannot end a login while another program holds the card.
    void before_finalize();

    // For a call that waits for an event: while it waits, the card is removed or inserted, or another thread finalises.
    void prepare_wait(bool finalize);
    void end_wait();

    // Ends what can prevent C_Finalize from resetting the card: the other program's transaction, and faults to come.
    void calm_down();

    // After C_Finalize, and the end of a thread that was still connecting: whether no connection to pcscd is left.
    bool closed() const;

    std::array<Person, 2> people;
    std::size_t inserted = 0;        // which of them was inserted last
    bool calm = true;                // nothing has happened that may leave a login at a card
    bool swapped_unnoticed = false;  // by pcscd
    bool leaks = false;              // PC/SC functions that release something failed

private:
    void cards_and_readers(std::uint8_t choice, std::uint8_t how);
    void other_program(std::uint8_t choice, std::uint8_t how);
    void fail_function(std::uint8_t how, Input& input);
    void change_answer(std::uint8_t how, Input& input);
    void change_knobs(std::uint8_t how);
    void pad_entry(std::uint8_t how);
    void insert(std::size_t who, void (*put)(const std::string&, fake::Card));
    void on_call(fake::Function function);
    void release_other();
    void block_connections(bool block);

    std::atomic<bool> other_holds_ = false;
    unsigned calls_until_release_ = 0;
    std::optional<unsigned> calls_in_wait_;
    // The fake copies its hooks: their state is here.
    unsigned waits_ = 0;
    unsigned answers_until_change_ = 0;
    // The module's thread that connects waits in SCardConnect.
    bool connections_blocked_ = false;
    unsigned waiting_ = 0;  // threads in it
    std::mutex mutex_;
    std::condition_variable unblocked_;
};

}  // namespace jpki::fuzz
