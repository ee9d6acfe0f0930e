import Foundation
import Identity
import Support

extension Configuration {
    /// How the token of a socket or request is verified.
    public struct Auth: Sendable, Equatable {
        /// Whether a socket needs a token. If not, a socket without one is anonymous; an invalid token is refused
        /// anyway.
        public var required = true
        /// The algorithms that are accepted; never empty.
        public var algorithms = [TokenAlgorithm.hs256]
        /// The shared secret of HMAC algorithms: `secret`, the contents of `secretFile`, or `JWT_SECRET`.
        public var secret: Secret?
        /// The contents of the PEM file `publicKey`, for the other algorithms.
        public var publicKey: [UInt8]?
        /// The contents of the JSON Web Key Set `jwks`, for the other algorithms.
        public var keySet: [UInt8]?
        /// The file of a demo's secret; set if a demo has none of the keys above. See
        /// ``Configuration/loadDevelopmentKey()``.
        public var developmentKeyFile: String?
        /// Accepted values of `iss`; empty: any.
        public var issuers: [String] = []
        /// Accepted values of `aud`; empty: any.
        public var audiences: [String] = []
        /// Tolerated clock difference when `exp`, `nbf` and `iat` are checked.
        public var leeway = Duration.milliseconds(5_000)
        /// Whether a token without `exp` is refused.
        public var requireExpiry = true
        /// The maximum age of a token, counted from `iat`; a token without `iat` is then refused. `nil`: no maximum.
        public var maxAge: Duration?
        /// The claim that names the user.
        public var userClaim = "sub"

        public init() {}
    }
}

extension Configuration.Auth {
    /// Whether there is a key to verify signatures with.
    public var hasKey: Bool {
        secret != nil || publicKey != nil || keySet != nil
    }

    /// The settings of the verifier.
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

    /// The key of the setting that the verifier refused. Where two keys are possible, the one for which `isNamed` is
    /// true.
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
        // A key in the file, of any kind, replaces the secret from the environment.
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
    /// One or more algorithms, each once.
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
    /// The contents of a file without the final line break that editors add.
    fileprivate static var secretFile: Self {
        .init(reading: "a file that holds the secret") { try Configuration.Secret(file: $0) }
    }
}

extension ConfigurationRule {
    /// Reads the file that the value names with `read`. `expectation` completes the remedy "name …".
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

    /// A key set in a file. Fetching one from its issuer needs an HTTPS client, which this version does not have.
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
    /// A secret that signs or verifies tokens. Neither printing nor reflection shows its bytes.
    public struct Secret: Sendable, Equatable {
        public let bytes: [UInt8]

        public init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        /// Reads the secret from a file.
        ///
        /// - Throws: an error whose description is a clause that says why the file has no secret.
        public init(file path: String) throws {
            self.init(lineOf: try KeyFile.read(path))
            guard !bytes.isEmpty else { throw KeyFile.Failure(description: "the file '\(path)' is empty") }
        }

        /// Makes a secret of a file's contents, without the final line break that editors add.
        init(lineOf contents: [UInt8]) {
            var bytes = contents
            while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
            self.bytes = bytes
        }
    }
}

extension Configuration.Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Shows only the length.
    public var description: String { "secret of \(bytes.count) bytes" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Reads files that hold keys. Its errors are clauses that say why a file cannot be read.
enum KeyFile {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Far above the size of any key, in bytes. Keeps the path of a log or of `/dev/zero` from filling the memory.
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
