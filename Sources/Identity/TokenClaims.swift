import RawJSON
import Support

/// The registered claims that are checked, parsed in one pass over the payload. Of duplicate claims the last counts, as
/// in `JSON.parse`.
struct TokenClaims: Sendable {
    /// A claim that may be absent or of a wrong type.
    enum Claim<Value: Sendable>: Sendable {
        case absent
        case wrongType
        case value(Value)

        init(_ value: Value?) {
            self = value.map { .value($0) } ?? .wrongType
        }
    }

    var user = Claim<ByteString>.absent
    /// Milliseconds since 1970.
    var expiry = Claim<Int64>.absent
    /// Milliseconds since 1970.
    var notBefore = Claim<Int64>.absent
    /// Milliseconds since 1970.
    var issuedAt = Claim<Int64>.absent
    var issuer = Claim<ByteString>.absent
    var audiences = Claim<[ByteString]>.absent
    var scopes: [ByteString] = []

    /// `nil` if `payload` is not a JSON object.
    init?(_ payload: [UInt8], userClaim: [UInt8]) {
        let isObject = payload.withUnsafeBytes { payload in
            userClaim.withUnsafeBytes { userClaim in
                JSONObjectWalker.forEachMember(of: payload) { key, value in
                    // Not part of the `else if` chain: the user claim may be one of the others, for instance `iss`.
                    if JSONText.isEqual(key, to: userClaim) { user = Claim(Self.user(value)) }
                    if JSONText.isEqual(key, to: "exp") {
                        expiry = Claim(Self.milliseconds(value))
                    } else if JSONText.isEqual(key, to: "nbf") {
                        notBefore = Claim(Self.milliseconds(value))
                    } else if JSONText.isEqual(key, to: "iat") {
                        issuedAt = Claim(Self.milliseconds(value))
                    } else if JSONText.isEqual(key, to: "iss") {
                        issuer = Claim(JSONText.byteString(value))
                    } else if JSONText.isEqual(key, to: "aud") {
                        audiences = Claim(JSONText.byteString(value).map { [$0] } ?? Self.strings(value))
                    } else if JSONText.isEqual(key, to: "scope") {
                        // Scopes grant rights, so a malformed claim grants none.
                        scopes = JSONText.byteString(value)?.words ?? Self.strings(value) ?? []
                    }
                }
            }
        }
        guard isObject else { return nil }
    }

    private static func user(_ value: UnsafeRawBufferPointer) -> ByteString? {
        JSONText.byteString(value) ?? JSONNumber(value)?.int64.map { ByteString(String($0)) }
    }

    /// A NumericDate (RFC 7519, section 2): seconds, fractions allowed.
    private static func milliseconds(_ value: UnsafeRawBufferPointer) -> Int64? {
        switch JSONNumber(value) {
        case .integer(let seconds):
            let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
            return overflow ? (seconds > 0 ? Int64.max : Int64.min) : milliseconds
        case .double(let seconds):
            return Int64(exactly: (seconds * 1000).rounded(.down)) ?? (seconds > 0 ? Int64.max : Int64.min)
        case nil:
            return nil
        }
    }

    /// The elements of an array of strings; `nil` for any other value.
    private static func strings(_ value: UnsafeRawBufferPointer) -> [ByteString]? {
        var strings: [ByteString] = []
        var walker = JSONArrayWalker(value)
        while true {
            switch walker.next() {
            case .element(let range):
                guard let string = JSONText.byteString(UnsafeRawBufferPointer(rebasing: value[range])) else {
                    return nil
                }
                strings.append(string)
            case .end: return strings
            case .malformed: return nil
            }
        }
    }
}

extension ByteString {
    /// The parts between spaces.
    fileprivate var words: [ByteString] {
        withBytes { bytes in bytes.split(separator: UInt8(ascii: " ")).map { ByteString(decoding: $0) } }
    }
}

/// The payload and claims of a token whose signature is valid. Whether the claims are acceptable at a given time must
/// be checked on each use.
struct SignedClaims: Sendable {
    let payload: [UInt8]
    let claims: TokenClaims
}
