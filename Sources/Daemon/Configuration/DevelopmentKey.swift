import Foundation

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
        guard FileManager.default.createFile(atPath: draft, contents: Data(randomText.utf8), attributes: attributes) else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
        defer { try? FileManager.default.removeItem(atPath: draft) }
        do {
            try FileManager.default.linkItem(atPath: draft, toPath: path)
        } catch where FileManager.default.fileExists(atPath: path) {
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
