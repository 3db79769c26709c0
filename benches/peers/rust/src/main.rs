//! Measures this library beside others that could do its work. See the README beside; `../run` starts this program.

mod cases;
mod clock;
mod contenders;
mod growth;
mod heap;
mod machine;
mod measure;
mod profile;
mod report;
mod svg;
mod table;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use self::report::Report;

const USAGE: &str = "\
usage: peers measure --node FOLDER --c-abi PROGRAM [--quick] [--growth]   prints JSON
       peers growth [--quick]                                             prints JSON
       peers table FILE                                                   prints what the JSON file has
       peers svg FILE FOLDER                                              draws it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["measure", ref options @ ..] => print(&measure(options)?)?,
        ["growth", ref options @ ..] => {
            let effort = growth_effort(options.contains(&"--quick"));
            let machine = machine::machine(None, effort.runs, None);
            print(&Report { growth: growth::growth(effort), machine, ..Report::default() })?;
        }
        ["table", file] => print!("{}", table::table(&read(file)?)),
        ["svg", file, folder] => svg::write(&read(file)?, &PathBuf::from(folder))?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn measure(options: &[&str]) -> Result<Report, Box<dyn Error>> {
    let after = |name| options.iter().skip_while(|option| **option != name).nth(1).copied();
    let (Some(node), Some(program)) = (after("--node").map(PathBuf::from), after("--c-abi")) else {
        return Err(USAGE.into());
    };
    let quick = options.contains(&"--quick");
    let effort = if quick { measure::Effort::QUICK } else { measure::Effort::USUAL };
    let versions = contenders::colyseus::Colyseus::start(&node, cases::Case::Nothing, 1).versions();
    Ok(Report {
        c_abi: Some(machine::c_abi(program, effort.runs)?),
        cases: measure::cases(effort, &node),
        growth: if options.contains(&"--growth") { growth::growth(growth_effort(quick)) } else { Vec::new() },
        machine: machine::machine(Some(versions), effort.runs, Some(effort.rounds)),
    })
}

fn growth_effort(quick: bool) -> growth::Effort {
    if quick { growth::Effort::QUICK } else { growth::Effort::USUAL }
}

fn print(report: &Report) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string_pretty(report)?);
    Ok(())
}

fn read(file: &str) -> Result<Report, Box<dyn Error>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?)
}
