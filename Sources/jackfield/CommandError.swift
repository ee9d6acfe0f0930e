/// Why a command that was used rightly could not do its work: printed after `Error:`, exit code 1.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
