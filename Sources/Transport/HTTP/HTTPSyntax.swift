/// What the parts of a head may consist of, sent or received. Most loops here look at every byte, without a way out, so that the compiler can look at
/// sixteen at a time.
public enum HTTPSyntax {
    /// RFC 9110, section 5.6.2: what the name of a field is.
    public static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy(isTokenCharacter)
    }

    @inline(__always)
    static func isTokenCharacter(_ byte: UInt8) -> Bool {
        // One bit for each of the 128 characters of ASCII: digits, letters, and !#$%&'*+-.^_`|~
        let bits: UInt64 = byte < 64 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        return byte < 128 && (bits &>> UInt64(byte)) & 1 == 1
    }

    /// No control characters but the tab.
    public static func isFieldValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var wrong: UInt8 = 0
        for index in bytes.indices {
            let byte = bytes[index]
            wrong |= (byte < 0x20 ? 1 : 0) & (byte != 0x09 ? 1 : 0) | (byte == 0x7F ? 1 : 0)
        }
        return wrong == 0
    }

    /// Neither blanks nor control characters.
    static func isTarget(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var wrong: UInt8 = 0
        for index in bytes.indices { wrong |= (bytes[index] <= 0x20 ? 1 : 0) | (bytes[index] == 0x7F ? 1 : 0) }
        return wrong == 0
    }

    /// RFC 3986, section 3.2: a name or an address, which may be empty, and a port if a colon follows.
    static func isHost(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        if bytes.first == UInt8(ascii: "[") {
            index = 1
            while index < bytes.count, isNameCharacter(bytes[index]) || bytes[index] == UInt8(ascii: ":") { index += 1 }
            guard index < bytes.count, bytes[index] == UInt8(ascii: "]") else { return false }
            index += 1
        } else {
            while index < bytes.count, isNameCharacter(bytes[index]) { index += 1 }
        }
        guard index < bytes.count else { return true }
        return bytes[index] == UInt8(ascii: ":") && bytes[(index + 1)...].allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Unreserved characters, sub-delimiters, and the percent sign of an escape.
    @inline(__always)
    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x21, 0x24...0x2E, 0x3B, 0x3D, 0x5F, 0x7E: true
        default: false
        }
    }

    static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var all: UInt8 = 0
        for index in bytes.indices { all |= bytes[index] }
        return all < 0x80
    }
}
