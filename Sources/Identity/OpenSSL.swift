import COpenSSL

/// The name of an OpenSSL parameter.
///
/// OpenSSL stores the pointer and does not copy the name, so the memory must outlive the call: that of a literal does,
/// that of a `String` does not. Therefore the names are written as literals here; Swift imports the `OSSL_…_PARAM_…`
/// macros as `String`s.
struct OpenSSLName: ExpressibleByStringLiteral {
    private let name: StaticString

    init(_ name: StaticString) {
        self.name = name
    }

    init(stringLiteral name: StaticString) {
        self.name = name
    }

    /// Null-terminated and valid until the process ends.
    var pointer: UnsafePointer<CChar> {
        UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

/// OpenSSL's error queue, which is shared by all calls of a thread.
enum OpenSSLErrors {
    /// Returns the oldest error's text and empties the queue: a remaining error would be reported as a failure of the
    /// next TLS call on this thread.
    static func drain() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let reason = ERR_reason_error_string(code) else { return "no reason given" }
        return String(cString: reason)
    }

    static func clear() {
        ERR_clear_error()
    }
}
