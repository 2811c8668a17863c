#include "card_log.hpp"

#include "unique_fd.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <stdexcept>

#include <fcntl.h>

namespace jpki::virtual_card {

namespace {

constexpr std::size_t longest_shown = 16;

std::string now() {
    const auto time = std::chrono::system_clock::now();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
    std::tm parts{};
    localtime_r(&seconds, &parts);
    char text[40];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text + length, sizeof text - length, ".%03d", static_cast<int>(milliseconds));
    return text;
}

std::string hex(model::ByteView bytes) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        if (!text.empty()) text += ' ';
        text += digits[byte >> 4];
        text += digits[byte & 0x0F];
    }
    return text;
}

}  // namespace

CardLog::CardLog(const std::string& path) : to_stdout_(path == "-") {
    if (path.empty() || to_stdout_) return;
    const UniqueFd made(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    file_.open(path, std::ios::app);
    if (!made.valid() || !file_) throw std::runtime_error("cannot write the log " + path);
}

void CardLog::command(model::ByteView command, model::ByteView answer) {
    if (!to_stdout_ && !file_.is_open()) return;
    std::string text = "> " + model::masked(command) + " < ";
    if (answer.size() > longest_shown + 2) text += "(" + std::to_string(answer.size() - 2) + " bytes) " + hex(answer.last(2));
    else text += answer.empty() ? "(nothing)" : hex(answer);
    line(text);
}

void CardLog::event(std::string_view text) {
    if (to_stdout_ || file_.is_open()) line("# " + std::string(text));
}

void CardLog::line(const std::string& text) { (to_stdout_ ? std::cout : file_) << now() + " " + text + "\n" << std::flush; }

}  // namespace jpki::virtual_card
