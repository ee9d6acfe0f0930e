import Foundation
import Glibc
import Support

/// What the dynamic linker says about a library without running its code: `ldd -r`.
struct LinkerReport: Sendable {
    /// Libraries that it does not find.
    let missing: [ByteString]
    /// Symbols that nothing defines.
    let undefined: [ByteString]

    struct Problem: Error {
        let text: String
    }

    /// Seconds and bytes that the linker may take.
    private static let patience = 20.0
    private static let longestOutput = 1 << 20

    /// Runs the linker that has loaded this process on the file.
    static func make(of path: String) -> Result<LinkerReport, Problem> {
        guard let linker = linker() else {
            return .failure(Problem(text: "this executable does not say which dynamic linker it uses"))
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: linker)
        process.arguments = [path.contains("/") ? path : "./\(path)"]
        // As `ldd -r` does. LD_LIBRARY_PATH stays in force, as it would for the host.
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "yes", "LD_BIND_NOW": "yes"]) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            return .failure(Problem(text: "the dynamic linker \(linker) cannot be run: \(error.localizedDescription)"))
        }
        let watchdog = DispatchWorkItem { process.terminate() }
        DispatchQueue.global().asyncAfter(deadline: .now() + patience, execute: watchdog)
        var text: [UInt8] = []
        while case let piece = output.fileHandleForReading.availableData, !piece.isEmpty {
            if text.count < longestOutput { text += piece }
        }
        process.waitUntilExit()
        watchdog.cancel()
        return .success(LinkerReport(text))
    }

    /// - Parameter text: lines such as `libx.so => not found` and `undefined symbol: f (./bad.so)`.
    init(_ text: [UInt8]) {
        var (missing, undefined): ([ByteString], [ByteString]) = ([], [])
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let words = line.split { $0 == 0x20 || $0 == 0x09 }
            if words.count >= 4, words[1].elementsEqual("=>".utf8), words[2].elementsEqual("not".utf8) {
                missing.append(ByteString(decoding: words[0]))
            }
            if words.count >= 3, words[0].elementsEqual("undefined".utf8), words[1].elementsEqual("symbol:".utf8) {
                undefined.append(ByteString(decoding: words[2]))
            }
        }
        (self.missing, self.undefined) = (missing, undefined)
    }

    /// `PT_INTERP` of this executable.
    private static func linker() -> String? {
        // The program headers and the name stand at its beginning.
        guard let handle = FileHandle(forReadingAtPath: "/proc/self/exe"),
            let bytes = try? handle.read(upToCount: 1 << 16)
        else { return nil }
        return bytes.withUnsafeBytes { bytes in
            let file = FileBytes(bytes)
            guard let start = file.uint64(at: 32), let size = file.uint16(at: 54), let count = file.uint16(at: 56)
            else {
                return nil
            }
            for index in 0..<UInt64(count) where start < UInt64(bytes.count) {
                let at = start + index * UInt64(size)
                guard file.uint32(at: at) == 3, let offset = file.uint64(at: at + 8) else { continue }
                return file.text(at: offset, limit: 4_096)?.text
            }
            return nil
        }
    }
}
