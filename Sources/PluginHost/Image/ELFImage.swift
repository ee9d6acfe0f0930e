import Glibc

/// The properties of a shared library that are read before any of its code runs. `dlopen` runs constructors, so
/// everything that can be checked is checked on the bytes.
package struct ELFImage {
    /// The exported symbols; `nil` if the library has no section headers (then only `dlsym` can tell).
    private(set) var exports: Set<String>?
    /// The libraries that it needs (`DT_NEEDED`).
    private(set) var needed: [String] = []
    /// What identifies the build (`NT_GNU_BUILD_ID`), in hexadecimal: debuggers find separate debug files by it. Empty
    /// if it has none.
    private(set) var buildID = ""
    /// Whether its search path for them uses `$ORIGIN`.
    private(set) var usesOrigin = false

    /// Why the bytes are not a library for this process.
    package struct Unsuitable: Error {
        package let problem: String
    }

    private struct Section {
        var type: UInt32
        var offset: Int
        var size: Int
        var link: Int
        var entrySize: Int
    }

    package init(_ bytes: UnsafeRawBufferPointer) throws(Unsuitable) {
        guard bytes.count >= MemoryLayout<Elf64_Ehdr>.size,
            bytes.starts(with: [0x7F, UInt8(ascii: "E"), UInt8(ascii: "L"), UInt8(ascii: "F")])
        else {
            throw Unsuitable(problem: "is no ELF file; give the path of a shared library (cc -shared -fPIC)")
        }
        guard bytes[4] == 2, bytes[5] == 1 else {
            throw Unsuitable(problem: "is not a 64-bit little-endian library; build it for this machine")
        }
        let header = bytes.loadUnaligned(as: Elf64_Ehdr.self)
        guard header.e_machine == Self.machine else {
            throw Unsuitable(
                problem: "is built for another machine (ELF machine \(header.e_machine), this host is \(Self.machine))")
        }
        // A position-independent executable has this type too, but exports no jf_plugin_main.
        guard header.e_type == 3 else {
            throw Unsuitable(problem: "is an ELF file but no shared library; link it with -shared")
        }
        let size = Self.leastSize(bytes, header)
        guard bytes.count >= size else {
            throw Unsuitable(
                problem:
                    "is cut off: it has \(bytes.count) bytes, and its headers describe at least \(size); build or copy it again"
            )
        }
        readSections(bytes, header)
    }

    /// Where the tables of headers and the contents of the segments end. The dynamic linker maps a shorter file all the
    /// same, and a use of the missing part raises SIGBUS, which ends the process.
    private static func leastSize(_ bytes: UnsafeRawBufferPointer, _ header: Elf64_Ehdr) -> Int {
        func end(_ start: UInt64, _ size: UInt64) -> Int {
            let (sum, overflow) = start.addingReportingOverflow(size)
            return overflow ? .max : Int(clamping: sum)
        }
        let segments = end(header.e_phoff, UInt64(header.e_phnum) * UInt64(header.e_phentsize))
        var size = max(segments, end(header.e_shoff, UInt64(header.e_shnum) * UInt64(header.e_shentsize)))
        for index in 0..<Int(header.e_phnum) {
            let stride = Int(header.e_phentsize)
            guard let segment: Elf64_Phdr = load(bytes, Int(clamping: header.e_phoff), index, stride) else { break }
            // PT_LOAD: what is mapped.
            if segment.p_type == 1 { size = max(size, end(segment.p_offset, segment.p_filesz)) }
        }
        return size
    }

    private mutating func readSections(_ bytes: UnsafeRawBufferPointer, _ header: Elf64_Ehdr) {
        let size = Int(header.e_shentsize)
        guard header.e_shnum > 0, size >= MemoryLayout<Elf64_Shdr>.size, let start = Int(exactly: header.e_shoff) else {
            return
        }
        var sections: [Section] = []
        for index in 0..<Int(header.e_shnum) {
            guard let raw: Elf64_Shdr = Self.load(bytes, start, index, size) else { return }
            sections.append(
                Section(
                    type: raw.sh_type, offset: Int(clamping: raw.sh_offset), size: Int(clamping: raw.sh_size),
                    link: Int(raw.sh_link),
                    entrySize: Int(clamping: raw.sh_entsize)))
        }
        for section in sections {
            guard section.link < sections.count else { continue }
            let strings = sections[section.link]
            switch section.type {
            case 11: readSymbols(bytes, section, strings)
            case 6: readDynamic(bytes, section, strings)
            case 7: readNotes(bytes, section)
            default: break
            }
        }
    }

    private mutating func readSymbols(_ bytes: UnsafeRawBufferPointer, _ section: Section, _ strings: Section) {
        guard section.entrySize >= MemoryLayout<Elf64_Sym>.size else { return }
        var found: Set<String> = []
        for index in 0..<section.size / section.entrySize {
            guard let symbol: Elf64_Sym = Self.load(bytes, section.offset, index, section.entrySize) else { break }
            // Section 0 marks an undefined symbol.
            guard symbol.st_shndx != 0, let name = Self.string(bytes, strings, Int(symbol.st_name)) else { continue }
            found.insert(name)
        }
        exports = found
    }

    private mutating func readDynamic(_ bytes: UnsafeRawBufferPointer, _ section: Section, _ strings: Section) {
        for index in 0..<section.size / MemoryLayout<Elf64_Dyn>.stride {
            guard let entry: Elf64_Dyn = Self.load(bytes, section.offset, index, MemoryLayout<Elf64_Dyn>.stride) else {
                return
            }
            guard let text = Self.string(bytes, strings, Int(clamping: entry.d_un.d_val)) else { continue }
            switch entry.d_tag {
            case 0: return
            case 1: needed.append(text)
            case 15, 29: usesOrigin = usesOrigin || text.contains("$ORIGIN") || text.contains("${ORIGIN}")
            default: break
            }
        }
    }

    /// Notes: lengths of name and content, type, name and content, each filled up to four bytes.
    private mutating func readNotes(_ bytes: UnsafeRawBufferPointer, _ section: Section) {
        guard section.offset < bytes.count else { return }
        var rest = UnsafeRawBufferPointer(rebasing: bytes[section.offset...].prefix(section.size))
        while rest.count >= 12 {
            let name = Int(rest.loadUnaligned(as: UInt32.self))
            let content = Int(rest.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            let start = 12 + (name + 3) & ~3
            guard start + content <= rest.count else { return }
            if rest.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == 3,
                rest[12..<12 + name].elementsEqual("GNU\0".utf8)
            {
                buildID = rest[start..<start + content].prefix(Self.longestBuildID).map {
                    ($0 < 16 ? "0" : "") + String($0, radix: 16)
                }.joined()
                return
            }
            let end = start + (content + 3) & ~3
            guard end < rest.count else { return }
            rest = UnsafeRawBufferPointer(rebasing: rest[end...])
        }
    }

    /// Bytes; linkers make 20.
    private static let longestBuildID = 64

    /// - Parameter T: one of the C structures above, which are plain data.
    private static func load<T>(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ index: Int, _ stride: Int) -> T? {
        let (product, tooFar) = index.multipliedReportingOverflow(by: stride)
        let (offset, beyond) = start.addingReportingOverflow(product)
        guard !tooFar, !beyond, offset >= 0, offset <= bytes.count - MemoryLayout<T>.size else { return nil }
        return bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
    }

    private static func string(_ bytes: UnsafeRawBufferPointer, _ strings: Section, _ index: Int) -> String? {
        let (start, overflow) = strings.offset.addingReportingOverflow(index)
        guard !overflow, index < strings.size, start < bytes.count else { return nil }
        let end = bytes[start...].firstIndex(of: 0) ?? bytes.count
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    /// `e_machine` of this process; numbers of the ELF specification.
    private static var machine: UInt16 {
        #if arch(x86_64)
            62
        #elseif arch(arm64)
            183
        #else
            #error("add this machine's number from the ELF specification")
        #endif
    }
}
