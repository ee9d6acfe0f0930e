import Foundation
import Identity

/// The key of a demo: random, created on the first start, and kept in a file that only its owner can read. `jackfield
/// token` reads it from there.
public enum DevelopmentKey {
    /// Relative to the working directory, like everything under `data`.
    public static let path = "data/jwt.key"

    /// Reads the key from the file at `path`; creates the file and its folder if they are missing.
    ///
    /// Blocks on the file system, so it must not run on an event loop. Two processes that start at the same time get
    /// the same key.
    public static func loadOrCreate(at path: String = path) throws -> Configuration.Secret {
        if !FileManager.default.fileExists(atPath: path) { try create(at: path) }
        return try Configuration.Secret(file: path)
    }

    /// Writes a temporary file and links it to `path`: nobody sees an incomplete file, and an existing one is not
    /// replaced.
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
            // Another process created the key first; that one is used.
        }
    }

    /// 64 hexadecimal digits and a line break: 256 random bits in 64 bytes, the length that RFC 7518 requires for
    /// HS512.
    private static var randomText: String {
        var generator = SystemRandomNumberGenerator()
        let digits = (0..<64).map { _ in String(Int.random(in: 0..<16, using: &generator), radix: 16) }
        return digits.joined() + "\n"
    }
}

extension Configuration {
    /// Loads the demo's key, or creates it, if the configuration asks for one.
    ///
    /// Blocks on the file system. Call it once, before ``Auth/verifierConfiguration``.
    ///
    /// - Throws: why there is no key, or why the existing file holds no valid one.
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

    /// Loads the demo's key if its file exists; does not create one.
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

    /// The system's error message, without the text that Foundation adds around it.
    private static func reason(_ error: any Error) -> String {
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        guard let underlying, underlying.domain == NSPOSIXErrorDomain else { return "\(error)" }
        return String(cString: strerror(Int32(underlying.code)))
    }
}
