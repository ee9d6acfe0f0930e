import Foundation
import JackfieldPlugin

/// Where a plugin keeps its rows: `sqlite:PATH`, relative to the daemon's working directory.
public struct StoreLocation: Sendable, Equatable {
    public let path: String

    /// Throws a line for the operator if the text names no store.
    public init(_ text: String) throws {
        guard text.hasPrefix("sqlite:"), text.count > "sqlite:".count else {
            throw Problem.invalid("config.store '\(text)' is not a store this plugin knows; use \"sqlite:PATH\", for example \"sqlite:data/rows.db\"")
        }
        path = String(text.dropFirst("sqlite:".count))
    }

    /// Makes the folder. Throws a line for the operator that names it.
    func prepare() throws {
        let folder = (path as NSString).deletingLastPathComponent
        guard !folder.isEmpty else { return }
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw Problem(500, "store", "config.store: cannot make the folder '\(folder)': \(Self.reason(error)); make it, or choose another path")
        }
    }

    private static func reason(_ error: any Error) -> String {
        let cocoa = error as NSError
        if let posix = cocoa.userInfo[NSUnderlyingErrorKey] as? NSError, posix.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(posix.code)))
        }
        return cocoa.localizedDescription
    }
}
