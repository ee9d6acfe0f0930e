import Foundation
import Testing

@Suite("The header")
struct HeaderTests {
    /// A file that includes the header and nothing else.
    private func compile(_ tool: String, _ language: String, _ standard: String) throws {
        let source = try Fixture.file("header.\(language)", Array("#include <jackfield/jackfield.h>\nint nothing;\n".utf8))
        try Fixture.run(tool, [
            "-std=\(standard)", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I", "\(Fixture.root)/include", "-c", "-o", "/dev/null", source,
        ])
    }

    @Test("it compiles alone as C99 and C11, pedantically", arguments: ["c99", "c11"])
    func c(_ standard: String) throws {
        try compile("cc", "c", standard)
    }

    @Test("it compiles alone as C++17, pedantically")
    func cPlusPlus() throws {
        try compile("c++", "cpp", "c++17")
    }
}
