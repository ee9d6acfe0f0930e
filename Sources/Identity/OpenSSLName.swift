/// The name of an OpenSSL parameter.
///
/// OpenSSL keeps the pointer it is given and no copy, so it must outlive the call: a literal's does, that of a `String` does not. This is why the
/// names are spelled out here and not taken from the `OSSL_…_PARAM_…` macros, which Swift imports as strings.
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
