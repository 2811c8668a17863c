#include "output.hpp"

#include "i18n.hpp"

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace jpki::tool {

namespace {

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

Json head(const std::string& command, Exit exit) {
    Json document;
    document["schema"] = json_schema;
    document["version"] = JPKI_VERSION;
    document["command"] = command;
    document["exit"] = {{"status", static_cast<int>(exit)}, {"name", name_of(exit)}};
    return document;
}

std::string serialised(const Json& document, int indent) {
    // Data of a card may be malformed UTF-8; the document is printed in any case.
    return document.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void Output::write(std::string_view text) {
    progress({});
    if (!write_all(STDOUT_FILENO, text))
        throw Failure(Exit::file_error, fill(_("cannot write to standard output: {0}"), {std::strerror(errno)}));
}

void Output::text(std::string_view text) {
    if (!json_) write(text);
}

void Output::note(std::string_view text) {
    progress({});
    write_all(STDERR_FILENO, std::string(text) + "\n");
}

void Output::document(const std::string& command, Exit exit, const Json& result) {
    if (!json_) return;
    Json document = head(command, exit);
    document["result"] = result;
    write(serialised(document, 2));
}

void Output::failure(const std::string& command, Exit exit, const Json& error) {
    if (!json_) return;
    Json document = head(command, exit);
    document["error"] = error;
    write(serialised(document, 2));
}

void Output::document_line(const std::string& command, const Json& result) {
    if (!json_) return;
    Json document = head(command, Exit::ok);
    document["result"] = result;
    write(serialised(document, -1));
}

void Output::progress(std::string_view text) {
    if (text.empty() && !progress_shown_) return;
    if (::isatty(STDERR_FILENO) != 1) return;
    progress_shown_ = !text.empty();
    write_all(STDERR_FILENO, "\r\033[K" + std::string(text));
}

}  // namespace jpki::tool
