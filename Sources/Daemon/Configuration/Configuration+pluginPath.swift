import Foundation

extension Configuration {
    /// Beside the executable, then where a system keeps Jackfield's plugins.
    public static let standardPluginPath: [String] = {
        let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let folder = URL(fileURLWithPath: executable).deletingLastPathComponent().path
        return [folder, "/usr/local/lib/jackfield", "/usr/lib/jackfield"]
    }()
}
