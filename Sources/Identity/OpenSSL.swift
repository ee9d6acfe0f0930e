import COpenSSL

/// The name of an OpenSSL parameter.
///
/// OpenSSL keeps the pointer it is given and no copy, so it must outlive the call: a literal's does, that of a
/// `String` does not. This is why the names are spelled out here and not taken from the `OSSL_…_PARAM_…` macros, which
/// Swift imports as strings.
struct OpenSSLName: ExpressibleByStringLiteral {
    private let name: StaticString

    init(_ name: StaticString) {
        self.name = name
    }

    init(stringLiteral name: StaticString) {
        self.name = name
    }

    /// Null-terminated and valid for as long as the process.
    var pointer: UnsafePointer<CChar> {
        UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

/// OpenSSL's error queue, which belongs to the thread and not to the call.
enum OpenSSLErrors {
    /// The oldest error's text. The queue is empty afterwards: what stays there would be taken for the failure of the
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
