// The virtual card's log: one line for each command with its answer, and one for each event.
#pragma once

#include "card_model.hpp"

#include <fstream>
#include <string>
#include <string_view>

namespace jpki::virtual_card {

class CardLog {
public:
    explicit CardLog(const std::string& path);  // empty: logs nothing; "-": stdout. Creates the file with mode 0600.
    // Masks PINs. Logs only the length of long answers: the signature certificate contains name and address.
    void command(model::ByteView command, model::ByteView answer);
    void event(std::string_view text);

private:
    void line(const std::string& text);

    bool to_stdout_ = false;
    std::ofstream file_;
};

}  // namespace jpki::virtual_card
