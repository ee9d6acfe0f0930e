import Foundation
import Identity
import Support

extension Configuration {
    /// How the token of a socket or request is verified.
    public struct Auth: Sendable, Equatable {
        /// Whether a socket needs a token. Without, one that has none is anonymous; a wrong token
        /// is refused all the same.
        public var required = true
        /// Exactly what is accepted, never empty.
        public var algorithms = [TokenAlgorithm.hs256]
        /// The shared secret of HMAC algorithms: `secret`, the contents of `secretFile`, or `JWT_SECRET`.
        public var secret: Secret?
        /// The contents of the PEM file `publicKey`, for the other algorithms.
        public var publicKey: [UInt8]?
        /// The contents of the JSON Web Key Set `jwks`, for the other algorithms.
        public var keySet: [UInt8]?
        /// Set by a demo without any of these: where its secret is kept. See ``Configuration/loadDevelopmentKey()``.
        public var developmentKeyFile: String?
        /// Of which `iss` must be one; empty: anything.
        public var issuers: [String] = []
        /// Of which `aud` must name one; empty: anything.
        public var audiences: [String] = []
        /// The difference between clocks that `exp`, `nbf` and `iat` allow for.
        public var leeway = Duration.milliseconds(5_000)
        /// Whether a token without `exp` is refused.
        public var requireExpiry = true
        /// The longest time from `iat` that is accepted; a token without `iat` is then refused. `nil`: any.
        public var maxAge: Duration?
        /// The claim that names the user.
        public var userClaim = "sub"

        public init() {}
    }
}

extension Configuration.Auth {
    /// Whether there is something to verify signatures with.
    public var hasKey: Bool {
        secret != nil || publicKey != nil || keySet != nil
    }

    /// What the verifier needs to know.
    public var verifierConfiguration: TokenVerifierConfiguration {
        var verifier = TokenVerifierConfiguration()
        verifier.algorithms = algorithms
        verifier.secret = secret?.bytes
        verifier.publicKey = publicKey
        verifier.keySet = keySet
        verifier.issuers = issuers.map { ByteString($0) }
        verifier.audiences = audiences.map { ByteString($0) }
        verifier.leeway = Int64(leeway.wholeMilliseconds)
        verifier.requiresExpiry = requireExpiry
        verifier.maximumAge = maxAge.map { Int64($0.wholeMilliseconds) }
        verifier.userClaim = userClaim
        return verifier
    }

    /// The way to the setting that a verifier finds fault with; of two that are possible, the one
    /// that `isNamed` in the file.
    func key(of setting: TokenConfigurationError.Setting, isNamed: (String) -> Bool) -> String {
        switch setting {
        case .algorithms: "auth.algorithms"
        case .secret: isNamed("auth.secretFile") ? "auth.secretFile" : "auth.secret"
        case .publicKey: "auth.publicKey"
        case .keySet: "auth.jwks"
        case .userClaim: "auth.userClaim"
        }
    }
}

extension Configuration.Auth: ConfigurationSettings {
    mutating func read(_ section: ConfigurationSection) {
        section.read("required", into: &required, .boolean)
        section.read("algorithms", into: &algorithms, .algorithms)
        readKeys(section)
        section.read("issuer", into: &issuers, ConfigurationRule.text.list)
        section.read("audience", into: &audiences, ConfigurationRule.text.list)
        section.read("leeway", into: &leeway, .milliseconds(from: 0))
        section.read("requireExpiry", into: &requireExpiry, .boolean)
        section.read("maxAge", intoOptional: &maxAge, .milliseconds(upTo: 100 * 365 * 86_400_000))
        section.read("userClaim", into: &userClaim, .text)
    }

    private mutating func readKeys(_ section: ConfigurationSection) {
        // A key in the file replaces the one of the environment, of whatever kind it is.
        if ["secret", "secretFile", "publicKey", "jwks"].contains(where: section.has) { secret = nil }
        if section.has("secret"), section.has("secretFile") {
            section.reader.refuse(
                section.path("secretFile"), "secret and secretFile exclude each other", "remove one of them")
        }
        section.read("secretFile", intoOptional: &secret, .secretFile)
        section.read("secret", intoOptional: &secret, ConfigurationRule.text.map { .init(bytes: Array($0.utf8)) })
        section.read("publicKey", intoOptional: &publicKey, .publicKey)
        section.read("jwks", intoOptional: &keySet, .keySet)
    }
}

extension ConfigurationRule where Value == [TokenAlgorithm] {
    /// One or more, each once.
    fileprivate static var algorithms: Self {
        let refusals = [
            "none": (
                what: "a token without a signature is never accepted",
                remedy: "write the algorithm your tokens are signed with"
            )
        ]
        return ConfigurationRule<TokenAlgorithm>.choice(refusing: refusals).list.distinct()
            .nonempty("name at least one, as in [HS256]: else no token could ever pass")
    }
}

extension ConfigurationRule where Value == Configuration.Secret {
    /// The contents of a file without the line break that editors put at the end.
    fileprivate static var secretFile: Self {
        .init(reading: "a file that holds the secret") { try Configuration.Secret(file: $0) }
    }
}

extension ConfigurationRule {
    /// What `read` makes of the file that the value names. `expectation` completes "name …".
    fileprivate init(reading expectation: String, _ read: @escaping (String) throws -> Value) {
        self.init { value in
            guard let path = ConfigurationRule<String>.text.apply(value) else { return nil }
            do {
                return try read(path)
            } catch {
                value.refuse("\(error)", "name \(expectation); relative paths start at the working directory")
                return nil
            }
        }
    }
}

extension ConfigurationRule where Value == [UInt8] {
    fileprivate static var publicKey: Self {
        .init(reading: "a PEM file with a public key or a certificate") { try KeyFile.read($0) }
    }

    /// A key set in a file; fetching one from its issuer needs an HTTPS client, which this version has not.
    fileprivate static var keySet: Self {
        ConfigurationRule { value in
            if let scalar = value.node.scalar, scalar.string.contains("://") {
                value.refuse(
                    "a key set behind a URL is not available in this version", "download it, and name the file")
                return nil
            }
            return Self(reading: "a file that holds a JSON Web Key Set") { try KeyFile.read($0) }.apply(value)
        }
    }
}

extension Configuration {
    /// Bytes that sign or verify tokens. Nothing that prints or reflects it shows them.
    public struct Secret: Sendable, Equatable {
        public let bytes: [UInt8]

        public init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        /// The secret in a file.
        /// - Throws: an error whose description says in a clause why there is none.
        public init(file path: String) throws {
            self.init(lineOf: try KeyFile.read(path))
            guard !bytes.isEmpty else { throw KeyFile.Failure(description: "the file '\(path)' is empty") }
        }

        /// The contents of a secret's file, without the line break that editors put at the end.
        init(lineOf contents: [UInt8]) {
            var bytes = contents
            while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
            self.bytes = bytes
        }
    }
}

extension Configuration.Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The length alone.
    public var description: String { "secret of \(bytes.count) bytes" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Reads files that hold keys, and says in a clause why one cannot be read.
enum KeyFile {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// No key comes near it; it keeps a path to a log, or to `/dev/zero`, from filling the memory.
    static let maximumSize = 1_048_576

    static func read(_ path: String) throws(Failure) -> [UInt8] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
            throw Failure(description: "there is no file '\(path)'")
        }
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw Failure(description: "the file '\(path)' cannot be read")
        }
        defer { try? file.close() }
        guard let data = try? file.read(upToCount: maximumSize + 1) ?? Data(), data.count <= maximumSize else {
            throw Failure(
                description: "the file '\(path)' is no key: it has more than \(maximumSize) bytes or fails to be read")
        }
        return Array(data)
    }
}
