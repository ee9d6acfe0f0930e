import Foundation
import Support
import Testing

@testable import PluginCheck

@Suite("Reading a library's file")
struct LibraryFileTests {
    private func read(_ bytes: [UInt8]) -> LibraryFile { bytes.withUnsafeBytes { LibraryFile($0) } }

    private func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

    @Test("exports, imports, needed libraries, search paths, stack and build-id are those of the file")
    func contents() throws {
        let library = read(
            try bytes(
                try Zoo.build(
                    "exports_more", "-Wl,-rpath,/opt/a:$ORIGIN", "-Wl,--build-id=0x0102ff", "-Wl,--no-as-needed", "-lm")
            ))
        #expect(library.defect == nil)
        #expect(library.exports.contains("jf_plugin_main") && library.exports.contains("parse"))
        #expect(library.imports.contains(LibraryFile.Import(name: "strlen", isWeak: false)) || !library.imports.isEmpty)
        #expect(library.needed.contains("libm.so.6"))
        #expect(library.searchPaths.map(\.folders) == ["/opt/a:$ORIGIN"])
        #expect(library.stack == .plain)
        #expect(library.buildID == [1, 2, 0xFF])
        #expect(library.hasDebugInfo)
        #expect(!library.hasTextRelocations)
        #expect(library.writableBytes > 0)
    }

    @Test("a library without section headers is read all the same")
    func withoutSections() throws {
        var stripped = try bytes(try Zoo.build("exports_more"))
        // e_shoff, e_shentsize, e_shnum and e_shstrndx.
        for index in Array(40..<48) + Array(58..<64) { stripped[index] = 0 }
        let library = read(stripped)
        #expect(library.exports.contains("jf_plugin_main") && !library.hasDebugInfo)
    }

    @Test("a file that ends anywhere is read without a trap, and reading ends")
    func truncated() throws {
        let whole = try bytes(try Zoo.build("exports_more"))
        for count in Array(0..<2_048) + Array(stride(from: 2_048, to: whole.count, by: 37)) {
            _ = read(Array(whole.prefix(count)))
        }
    }

    @Test("a file with random bytes in its headers and tables is read without a trap")
    func scrambled() throws {
        let whole = try bytes(try Zoo.build("exports_more"))
        var random = SeededGenerator(seed: 11)
        for round in 0..<20_000 {
            var file = whole
            // Few changes keep the rest readable, so that later parts are reached.
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let region = round % 3 == 0 ? 0..<64 : round % 3 == 1 ? 64..<min(1_024, file.count) : 0..<file.count
                file[Int.random(in: region, using: &random)] = random.choose([
                    0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random),
                ])
            }
            _ = read(file)
        }
    }

    @Test("offsets and counts at the limits of their types lead outside of nothing")
    func limits() throws {
        let whole = try bytes(try Zoo.build("exports_more"))
        // Each aligned word of the headers, then of the dynamic section, becomes a limit.
        let dynamic = try #require(Self.dynamicSection(whole))
        for start in Array(stride(from: 0, to: 1_024, by: 4))
            + Array(stride(from: dynamic.lowerBound, to: dynamic.upperBound, by: 8))
        {
            for value: UInt64 in [
                0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, .max, UInt64(whole.count),
                UInt64(whole.count) - 1,
            ] {
                var file = whole
                for (index, byte) in withUnsafeBytes(of: value.littleEndian, Array.init).enumerated()
                where start + index < file.count {
                    file[start + index] = byte
                }
                _ = read(file)
            }
        }
    }

    /// Where the file has its dynamic section.
    private static func dynamicSection(_ file: [UInt8]) -> Range<Int>? {
        file.withUnsafeBytes { bytes in
            let reader = FileBytes(bytes)
            for index in 0..<UInt64(reader.uint16(at: 56) ?? 0) {
                let at = 64 + index * 56
                guard reader.uint32(at: at) == 2, let offset = reader.uint64(at: at + 8),
                    let size = reader.uint64(at: at + 32)
                else { continue }
                return Int(offset)..<Int(offset + size)
            }
            return nil
        }
    }

    @Test("bytes that are no library give no exports")
    func noLibrary() {
        for bytes in [[], [0x7F], Array("hello".utf8), [UInt8](repeating: 0xFF, count: 4_096)] {
            let library = read(bytes)
            #expect(library.exports.isEmpty && library.imports.isEmpty && library.defect != nil)
        }
    }

    @Test("what the dynamic linker prints is read by its words")
    func linkerReport() {
        let report = LinkerReport(
            Array(
                """
                \tlinux-vdso.so.1 (0x00007ffc)
                \tlibnothere.so.3 => not found
                \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
                undefined symbol: who_knows\t(./bad.so)

                """.utf8))
        #expect(report.missing == ["libnothere.so.3"] && report.undefined == ["who_knows"])
    }
}
