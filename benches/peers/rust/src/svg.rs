pub fn write(_: &crate::report::Report, _: &std::path::Path) -> std::io::Result<()> { Ok(()) }
