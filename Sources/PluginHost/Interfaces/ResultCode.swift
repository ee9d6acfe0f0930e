import CJackfield

/// Result codes in words.
enum ResultCode {
    /// Static, terminated, in the order of the header.
    private static let words: [(code: Int32, name: StaticString, text: StaticString)] = [
        (JF_OK, "JF_OK", "success"),
        (JF_LATER, "JF_LATER", "the decision comes later, through its token"),
        (JF_E_FAILED, "JF_E_FAILED", "failed for a reason of its own"),
        (JF_E_INVALID, "JF_E_INVALID", "an argument is wrong"),
        (JF_E_GONE, "JF_E_GONE", "the object of this handle or token is no more"),
        (JF_E_UNSUPPORTED, "JF_E_UNSUPPORTED", "this host has no such interface or function"),
        (JF_E_LIMIT, "JF_E_LIMIT", "a documented limit is reached"),
        (JF_E_SPACE, "JF_E_SPACE", "the buffer is too small"),
        (JF_E_NOT_FOUND, "JF_E_NOT_FOUND", "nothing there"),
        (JF_E_DENIED, "JF_E_DENIED", "refused, on purpose"),
        (JF_E_TIMEOUT, "JF_E_TIMEOUT", "no answer in time"),
        (JF_E_STATE, "JF_E_STATE", "not in this state or on this thread"),
    ]

    static func words(_ code: Int32) -> StaticString? { words.first { $0.code == code }?.text }

    /// For a log: `-3 (JF_E_GONE: the object of this handle or token is no more)`.
    static func describe(_ code: Int32) -> String {
        guard let entry = words.first(where: { $0.code == code }) else { return "\(code), which is no JF_E_*" }
        return "\(code) (\(entry.name): \(entry.text))"
    }
}
