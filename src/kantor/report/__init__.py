"""From run directories to what people look at: tables, figures, the run's page and comparisons of runs.

Everything here reads files and imports neither torch nor Lightning; matplotlib, jinja2, rich and scipy are imported
where they are used, since `kantor compare` and `kantor status` must answer at once.

    page.write_report(run)             report.html of one run
    figures.write_figures(run)         figures/*.png of one run
    compare.compare(runs, out)         a table, a verdict and, with `out`, compare.html, compare.md and compare.csv
    status.status_table(root)          every run below a directory
    tables.score_sheet, terminal, …    tables as strings, to terminal, Markdown and CSV
"""
