import Support

/// A namespace pattern: a POSIX extended regular expression, matched in a time that is bounded by its size and that of the name.
///
/// The matcher is ours because the C library's is not bounded: it follows references back to groups by trial (`^/(a*)(a*)(a*)\1\2\3b$` took
/// more than 300 s for one name of 256 bytes), and keeps every state that any name ever led to (87 MB, and pauses of 58 ms, for
/// `^/.*a.{14}$`). Names come from anybody who can connect. Here a name costs at most ``PatternProgram/longest`` steps for each of its
/// characters and no memory, whatever the pattern.
///
/// What is matched are Unicode scalars, not bytes, so `.` stands for one character of any script. Classes such as `[:alpha:]` hold ASCII, as in
/// the C locale. References back, collating elements and the escapes that only GNU knows (`\w`, `\<`) are refused.
struct NamespacePattern: Sendable {
    private let program: PatternProgram

    /// - Throws: ``NamespaceTableError/malformedPattern(_:reason:)``, which says where and why.
    init(_ expression: ByteString) throws(NamespaceTableError) {
        do throws(PatternError) {
            var parser = PatternParser(expression)
            program = try PatternProgram(try parser.parse())
        } catch {
            throw .malformedPattern(expression, reason: error.reason)
        }
    }

    /// Whether the pattern matches `name` anywhere; `^` and `$` are its ends.
    func matches(_ name: ByteString) -> Bool {
        program.matches(name.text.unicodeScalars)
    }
}

/// What is wrong with a pattern, in words for whoever wrote it.
struct PatternError: Error {
    let reason: String
}
