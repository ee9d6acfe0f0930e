import Support

/// What the dynamic linker reads of a shared library, read from the bytes of the file: segments, the dynamic section,
/// symbols and notes. No code of the library runs.
///
/// The bytes are untrusted. What lies outside the file, or does not fit together, is left out, and ``defect`` says so.
struct LibraryFile {
    /// The libraries that it needs (`DT_NEEDED`).
    private(set) var needed: [ByteString] = []
    /// Its own search paths for them, as written: `DT_RPATH` and `DT_RUNPATH`, each of one or more folders.
    private(set) var searchPaths: [SearchPath] = []
    /// Global and weak symbols that it defines and exports.
    private(set) var exports: [ByteString] = []
    /// Symbols that it expects from others.
    private(set) var imports: [Import] = []
    private(set) var stack = Stack.unmarked
    /// Whether the linker must change its code when it is loaded (`DT_TEXTREL`).
    private(set) var hasTextRelocations = false
    private(set) var buildID: [UInt8] = []
    /// Whether it contains `.debug_info`, or names a file that does (`.gnu_debuglink`).
    private(set) var hasDebugInfo = false
    /// Bytes that each load of it needs for itself: its writable segments.
    private(set) var writableBytes = 0
    /// The first thing in the file that makes no sense; `nil` if there is none.
    private(set) var defect: String?

    struct SearchPath: Equatable {
        let isRunPath: Bool
        let folders: ByteString
    }

    struct Import: Equatable {
        let name: ByteString
        /// Whether it may stay undefined.
        let isWeak: Bool
    }

    /// What the file says about the stacks of a process that loads it.
    enum Stack: Equatable {
        /// It says nothing, which the linker treats as ``executable``.
        case unmarked
        case executable
        case plain
    }

    private struct Segment {
        let type: UInt32
        let flags: UInt32
        let offset: UInt64
        let address: UInt64
        let fileSize: UInt64
        let memorySize: UInt64
    }

    /// Values of the dynamic section, by tag.
    private struct Dynamic {
        var strings: UInt64?
        var stringsSize: UInt64 = 0
        var symbols: UInt64?
        var hash: UInt64?
        var gnuHash: UInt64?
        var needed: [UInt64] = []
        var paths: [(isRunPath: Bool, name: UInt64)] = []
        var flags: UInt64 = 0
        var hasTextRelocations = false
    }

    /// Bytes of a name or of a list of folders; longer ones are cut.
    private static let longestText = 4_096

    /// - Parameter bytes: of a file for which `ELFImage` has been made: a 64-bit little-endian library.
    init(_ bytes: UnsafeRawBufferPointer) {
        let file = FileBytes(bytes)
        let segments = Self.segments(file)
        if segments.isEmpty { note("it has no program headers") }
        for segment in segments {
            switch segment.type {
            case Self.loadSegment where segment.flags & 2 != 0:
                writableBytes += Int(clamping: min(segment.memorySize, 1 << 32))
            case Self.stackSegment: stack = segment.flags & 1 != 0 ? .executable : .plain
            case Self.noteSegment: readNotes(file, segment)
            default: break
            }
        }
        if let place = segments.first(where: { $0.type == Self.dynamicSegment }) {
            read(Self.dynamic(file, place), file, segments)
        } else {
            note("it has no dynamic section")
        }
        readSections(file)
    }

    private static let loadSegment: UInt32 = 1
    private static let dynamicSegment: UInt32 = 2
    private static let noteSegment: UInt32 = 4
    /// `PT_GNU_STACK`.
    private static let stackSegment: UInt32 = 0x6474_E551

    private mutating func note(_ defect: String) {
        if self.defect == nil { self.defect = defect }
    }

    // MARK: Segments

    private static func segments(_ file: FileBytes) -> [Segment] {
        guard let start = file.uint64(at: 32), let size = file.uint16(at: 54), let count = file.uint16(at: 56),
            size >= 56
        else { return [] }
        return (0..<UInt64(count)).compactMap { index in
            guard let at = sum(start, index * UInt64(size)), let type = file.uint32(at: at),
                let flags = file.uint32(at: at + 4), let offset = file.uint64(at: at + 8),
                let address = file.uint64(at: at + 16), let fileSize = file.uint64(at: at + 32),
                let memorySize = file.uint64(at: at + 40)
            else { return nil }
            return Segment(
                type: type, flags: flags, offset: offset, address: address, fileSize: fileSize, memorySize: memorySize)
        }
    }

    private static func sum(_ a: UInt64, _ b: UInt64) -> UInt64? {
        let (value, overflow) = a.addingReportingOverflow(b)
        // The readers add small constants to what this returns.
        return overflow || value > UInt64(Int64.max) ? nil : value
    }

    /// Where the file has what will be mapped at `address`.
    private static func offset(of address: UInt64, _ segments: [Segment]) -> UInt64? {
        for segment in segments where segment.type == loadSegment && address >= segment.address {
            let distance = address - segment.address
            if distance < segment.fileSize { return sum(segment.offset, distance) }
        }
        return nil
    }

    // MARK: The dynamic section

    private static func dynamic(_ file: FileBytes, _ segment: Segment) -> Dynamic {
        var dynamic = Dynamic()
        let end = min(segment.fileSize, UInt64(file.count))
        for position in stride(from: UInt64(0), to: end, by: 16) {
            guard let at = sum(segment.offset, position), let tag = file.uint64(at: at),
                let value = file.uint64(at: at + 8), tag != 0
            else { break }
            switch tag {
            case 1: dynamic.needed.append(value)
            case 4: dynamic.hash = value
            case 5: dynamic.strings = value
            case 6: dynamic.symbols = value
            case 10: dynamic.stringsSize = value
            case 15: dynamic.paths.append((false, value))
            case 22: dynamic.hasTextRelocations = true
            case 29: dynamic.paths.append((true, value))
            case 30: dynamic.flags = value
            case 0x6FFF_FEF5: dynamic.gnuHash = value
            default: break
            }
        }
        return dynamic
    }

    private mutating func read(_ dynamic: Dynamic, _ file: FileBytes, _ segments: [Segment]) {
        let textRelocations: UInt64 = 4
        hasTextRelocations = dynamic.hasTextRelocations || dynamic.flags & textRelocations != 0
        guard let strings = dynamic.strings.flatMap({ Self.offset(of: $0, segments) }) else {
            return note("its dynamic section names no table of strings in the file")
        }
        func text(_ index: UInt64) -> ByteString? {
            guard index < dynamic.stringsSize, let at = Self.sum(strings, index) else { return nil }
            return file.text(at: at, limit: min(dynamic.stringsSize - index, UInt64(Self.longestText)))
        }
        needed = dynamic.needed.compactMap(text)
        searchPaths = dynamic.paths.compactMap { path in
            text(path.name).map { SearchPath(isRunPath: path.isRunPath, folders: $0) }
        }
        if needed.count < dynamic.needed.count || searchPaths.count < dynamic.paths.count {
            note("its dynamic section names strings outside of their table")
        }
        guard let symbols = dynamic.symbols.flatMap({ Self.offset(of: $0, segments) }) else {
            return note("its dynamic section names no table of symbols in the file")
        }
        let count = Self.symbolCount(dynamic, file, segments)
        for index in 0..<count {
            guard let at = Self.sum(symbols, index * 24), let name = file.uint32(at: at),
                let info = file.uint8(at: at + 4), let other = file.uint8(at: at + 5),
                let section = file.uint16(at: at + 6)
            else { return note("its table of symbols ends outside of the file") }
            let (binding, visibility) = (info >> 4, other & 3)
            let isWeak = binding == 2
            guard binding == 1 || isWeak || binding == 10, name != 0, let text = text(UInt64(name)) else { continue }
            if section == 0 {
                imports.append(Import(name: text, isWeak: isWeak))
            } else if visibility == 0 || visibility == 3 {
                exports.append(text)
            }
        }
    }

    /// How many symbols there are. The dynamic section does not say; the hash tables do.
    private static func symbolCount(_ dynamic: Dynamic, _ file: FileBytes, _ segments: [Segment]) -> UInt64 {
        let most = UInt64(file.count) / 24
        if let hash = dynamic.hash.flatMap({ offset(of: $0, segments) }), let count = file.uint32(at: hash + 4) {
            return min(UInt64(count), most)
        }
        guard let hash = dynamic.gnuHash.flatMap({ offset(of: $0, segments) }), let buckets = file.uint32(at: hash),
            let first = file.uint32(at: hash + 4), let bloom = file.uint32(at: hash + 8),
            let start = sum(hash + 16, UInt64(bloom) * 8), let chains = sum(start, UInt64(buckets) * 4)
        else { return 0 }
        var last: UInt64 = 0
        for bucket in 0..<UInt64(buckets) {
            guard let symbol = file.uint32(at: start + bucket * 4) else { break }
            last = max(last, UInt64(symbol))
        }
        // Without exports all symbols are imports, which stand before `first`.
        guard last >= UInt64(first) else { return min(UInt64(first), most) }
        while last < most, let word = file.uint32(at: chains + (last - UInt64(first)) * 4), word & 1 == 0 { last += 1 }
        return min(last + 1, most)
    }

    // MARK: Notes and sections

    private mutating func readNotes(_ file: FileBytes, _ segment: Segment) {
        var position: UInt64 = 0
        while position + 12 <= min(segment.fileSize, UInt64(file.count)) {
            guard let at = Self.sum(segment.offset, position), let nameSize = file.uint32(at: at),
                let size = file.uint32(at: at + 4), let type = file.uint32(at: at + 8)
            else { return }
            let name = (UInt64(nameSize) + 3) & ~3
            let isBuildID = type == 3 && nameSize == 4 && file.uint32(at: at + 12) == 0x0055_4E47
            if isBuildID, size <= 64, let found = file.slice(at: at + 12 + name, count: UInt64(size)) {
                buildID = Array(found)
                return
            }
            position += 12 + name + ((UInt64(size) + 3) & ~3)
        }
    }

    /// Section headers are for debuggers and may be missing.
    private mutating func readSections(_ file: FileBytes) {
        guard let start = file.uint64(at: 40), let size = file.uint16(at: 58), let count = file.uint16(at: 60),
            let names = file.uint16(at: 62), size >= 64, names < count,
            let table = Self.sum(start, UInt64(names) * UInt64(size)), let strings = file.uint64(at: table + 24)
        else { return }
        for index in 0..<UInt64(count) {
            guard let at = Self.sum(start, index * UInt64(size)), let name = file.uint32(at: at),
                let place = Self.sum(strings, UInt64(name)), let text = file.text(at: place, limit: 32)
            else { continue }
            hasDebugInfo =
                hasDebugInfo || text == ".debug_info" || text == ".zdebug_info" || text == ".gnu_debuglink"
        }
    }
}

/// Reads little-endian numbers and texts of a file; `nil` for what lies outside.
struct FileBytes {
    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var count: Int { bytes.count }

    func slice(at offset: UInt64, count: UInt64) -> UnsafeRawBufferPointer? {
        guard offset <= UInt64(bytes.count), count <= UInt64(bytes.count) - offset else { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[Int(offset)..<Int(offset + count)])
    }

    private func load<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: UInt64) -> Number? {
        slice(at: offset, count: UInt64(MemoryLayout<Number>.size)).map {
            Number(littleEndian: $0.loadUnaligned(as: Number.self))
        }
    }

    func uint8(at offset: UInt64) -> UInt8? { load(offset) }
    func uint16(at offset: UInt64) -> UInt16? { load(offset) }
    func uint32(at offset: UInt64) -> UInt32? { load(offset) }
    func uint64(at offset: UInt64) -> UInt64? { load(offset) }

    /// The bytes up to the next zero, at most `limit`; invalid UTF-8 becomes U+FFFD.
    func text(at offset: UInt64, limit: UInt64) -> ByteString? {
        guard offset < UInt64(bytes.count) else { return nil }
        let rest = bytes[Int(offset)...].prefix(Int(clamping: limit))
        return ByteString(decoding: rest.prefix { $0 != 0 })
    }
}
