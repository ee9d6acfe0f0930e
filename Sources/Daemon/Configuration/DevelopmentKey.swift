import Foundation
import Identity

/// The key of a demo: made at random on first start, kept in a file only its owner can read, and found there again by
/// `jackfield token`.
public enum DevelopmentKey {
    /// Relative to the working directory, like everything under `data`.
    public static let path = "data/jwt.key"

    /// The key in the file at `path`, which is made with its folder when it is missing.
    ///
    /// Blocks on the file system: not for an event loop. Two processes that start together end up with the same key.
    public static func loadOrCreate(at path: String = path) throws -> Configuration.Secret {
        if !FileManager.default.fileExists(atPath: path) { try create(at: path) }
        return try Configuration.Secret(file: path)
    }

    /// Written aside and linked into place, so that the file is never seen half-written and never replaced.
    private static func create(at path: String) throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let draft = "\(path).\(ProcessInfo.processInfo.processIdentifier)"
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        guard FileManager.default.createFile(atPath: draft, contents: Data(randomText.utf8), attributes: attributes)
        else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
        defer { try? FileManager.default.removeItem(atPath: draft) }
        do {
            try FileManager.default.linkItem(atPath: draft, toPath: path)
        } catch  where FileManager.default.fileExists(atPath: path) {
            // Another process was first, and its key is as good.
        }
    }

    /// 64 hexadecimal digits and a line break: 256 random bits, enough for every HMAC of RFC 7518 in a demo.
    private static var randomText: String {
        var generator = SystemRandomNumberGenerator()
        let digits = (0..<64).map { _ in String(Int.random(in: 0..<16, using: &generator), radix: 16) }
        return digits.joined() + "\n"
    }
}

extension Configuration {
    /// Makes the demo's key, or finds the one made before, when the configuration asks for one.
    ///
    /// Blocks on the file system. Call it once, before ``Auth/verifierConfiguration``.
    ///
    /// - Throws: why there is no key, or why the one that was found is none.
    mutating func loadDevelopmentKey() throws(ConfigurationProblems) {
        guard let file = auth?.developmentKeyFile else { return }
        do {
            auth?.secret = try DevelopmentKey.loadOrCreate(at: file)
        } catch {
            throw Self.problem(
                "there is no key for tokens: \(Self.reason(error))",
                "make \(file) writable, or give a key in auth or JWT_SECRET")
        }
        try checkDevelopmentKey()
    }

    /// Checks the demo's key if one was made before; makes none.
    mutating func findDevelopmentKey() throws(ConfigurationProblems) {
        guard let file = auth?.developmentKeyFile, FileManager.default.fileExists(atPath: file) else { return }
        try loadDevelopmentKey()
    }

    private func checkDevelopmentKey() throws(ConfigurationProblems) {
        guard let auth else { return }
        do throws(TokenConfigurationError) {
            _ = try TokenVerifier(auth.verifierConfiguration)
        } catch {
            throw Self.problem(
                "the key in \(auth.developmentKeyFile ?? DevelopmentKey.path): \(error)",
                "remove the file: the next start makes a new key, and tokens of the old one end")
        }
    }

    private static func problem(_ what: String, _ remedy: String) -> ConfigurationProblems {
        ConfigurationProblems([ConfigurationProblem(key: "demo", what: what, remedy: remedy)])
    }

    /// What the system says, without the frames that Foundation puts around it.
    private static func reason(_ error: any Error) -> String {
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        guard let underlying, underlying.domain == NSPOSIXErrorDomain else { return "\(error)" }
        return String(cString: strerror(Int32(underlying.code)))
    }
}
