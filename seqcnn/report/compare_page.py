MOST_RUNS = 20
def render_comparison(runs): raise NotImplementedError
