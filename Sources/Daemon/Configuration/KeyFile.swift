import Foundation

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
            throw Failure(description: "the file '\(path)' is no key: it has more than \(maximumSize) bytes or fails to be read")
        }
        return Array(data)
    }
}
