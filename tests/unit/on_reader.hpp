// A PC/SC link to a reader of the fake, with a card in it.
#pragma once

#include "apdu/log.hpp"
#include "apdu/pcsc_link.hpp"

#include "card_model.hpp"
#include "test_pki.hpp"
#include "tests/fake_pcsc/fake_pcsc.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace apdu_test {

using namespace jpki;
using namespace std::chrono_literals;
namespace fake = jpki::fake;
namespace model = jpki::model;

inline const std::string reader = "Fake Reader 00 00";

struct OnReader {
    explicit OnReader(const model::Knobs& knobs = {}) {
        fake::reset_everything();
        fake::add_reader(reader, std::make_shared<model::CardModel>(model::TestPki::shared(), knobs));
        link.emplace(log, reader, 1000ms);
    }
    ~OnReader() {
        link.reset();
        fake::reset_everything();
    }
    OnReader(const OnReader&) = delete;
    OnReader& operator=(const OnReader&) = delete;
    Log log;
    std::optional<PcscLink> link;
};

}  // namespace apdu_test
