# What a model looks for, what mutations do to its best sequences, and a page about all of it.


rule predict:
    input:
        model="results/{sample}/model/model.safetensors",
        data="results/{sample}/train.h5",
    output:
        "results/{sample}/scores.tsv",
    log:
        "logs/predict/{sample}.log",
    benchmark:
        "benchmarks/predict/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="1h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn predict {input.model} {input.data} --threads {threads} --force -o {output} 2> {log}"


rule motifs:
    input:
        model="results/{sample}/model/model.safetensors",
        data="results/{sample}/train.h5",
    output:
        table="results/{sample}/motifs/motifs.tsv",
        sites="results/{sample}/motifs/sites.bed",
        positions="results/{sample}/motifs/positions.tsv",
        record="results/{sample}/motifs/run.json",
        matches="results/{sample}/motifs/matches.tsv",
        matrices=multiext("results/{sample}/motifs/motifs", ".meme", ".jaspar", ".transfac", ".homer"),
        logos=directory("results/{sample}/motifs/logos"),
    log:
        "logs/motifs/{sample}.log",
    benchmark:
        "benchmarks/motifs/{sample}.tsv"
    params:
        folder=subpath(output.table, parent=True),
        more=options("motifs"),
    threads: 1
    resources:
        mem_mb=4000,
        runtime="2h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    # There are matches with --database only, and logos and matrices of motifs that are kept: what is promised but has
    # nothing in it is left empty.
    shell:
        "seqcnn motifs {input.model} {input.data} {params.more} --threads {threads} --force"
        " -o {params.folder} 2> {log}"
        " && mkdir -p {output.logos} && touch {output.matrices} {output.matches}"


# Places in the genome are kept where there are any. Scores are in column 6 there, and in column 2 elsewhere.
rule best_regions:
    input:
        "results/{sample}/scores.tsv",
    output:
        "results/{sample}/best.bed",
    log:
        "logs/best/{sample}.bed.log",
    benchmark:
        "benchmarks/best/{sample}.bed.tsv"
    params:
        n=config.get("best", 20),
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "(tail -n +2 {input} | LC_ALL=C sort -t $'\\t' -k 6,6gr -k 1,1"
        " | awk -F '\\t' -v OFS='\\t' 'NR <= {params.n} {{print $2, $3, $4, $1, $6, $5}}' > {output}) 2> {log}"


rule best_sequences:
    input:
        model="results/{sample}/model/model.safetensors",
        data="results/{sample}/train.h5",
        scores="results/{sample}/scores.tsv",
    output:
        "results/{sample}/best.fa",
    log:
        "logs/best/{sample}.fa.log",
    benchmark:
        "benchmarks/best/{sample}.fa.tsv"
    params:
        n=config.get("best", 20),
    threads: 1
    resources:
        mem_mb=4000,
        runtime="1h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "(seqcnn predict {input.model} {input.data} --echo --threads {threads} | paste {input.scores} - | tail -n +2"
        " | LC_ALL=C sort -t $'\\t' -k 2,2gr -k 1,1"
        " | awk -F '\\t' 'NR <= {params.n} {{print \">\" $1 \"\\n\" $(NF - 1)}}' > {output}) 2> {log}"


rule mutate:
    input:
        model="results/{sample}/model/model.safetensors",
        sequences=lambda wildcards: (
            "results/{sample}/best.bed" if genome_of(wildcards) else "results/{sample}/best.fa"
        ),
        genome=genome_of,
    output:
        table="results/{sample}/mutations/mutations.tsv",
        sequences="results/{sample}/mutations/sequences.tsv",
        arrays="results/{sample}/mutations/mutations.h5",
        record="results/{sample}/mutations/run.json",
        maps=directory("results/{sample}/mutations/maps"),
    log:
        "logs/mutate/{sample}.log",
    benchmark:
        "benchmarks/mutate/{sample}.tsv"
    params:
        folder=subpath(output.table, parent=True),
        genome=lambda wildcards, input: f"--genome {input.genome}" if input.genome else "",
        more=options("mutate"),
    threads: 1
    resources:
        mem_mb=4000,
        runtime="2h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn mutate {input.model} {input.sequences} {params.genome} {params.more} --threads {threads} --force"
        " -o {params.folder} 2> {log} && mkdir -p {output.maps}"


rule report:
    input:
        model="results/{sample}/model/model.safetensors",
        motifs="results/{sample}/motifs/run.json",
        mutations="results/{sample}/mutations/run.json",
        evaluation=lambda wildcards: ["results/{sample}/evaluation.json"] if is_tested(wildcards.sample) else [],
    output:
        "results/{sample}/report.html",
    log:
        "logs/report/{sample}.log",
    benchmark:
        "benchmarks/report/{sample}.tsv"
    params:
        run=subpath(input.model, parent=True),
        motifs=subpath(input.motifs, parent=True),
        mutations=subpath(input.mutations, parent=True),
        evaluation=lambda wildcards, input: f"--evaluation {input.evaluation}" if input.evaluation else "",
    threads: 1
    resources:
        mem_mb=2000,
        runtime="1h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn report {params.run} --title {wildcards.sample} --motifs {params.motifs} --mutations {params.mutations}"
        " {params.evaluation} --force -o {output} 2> {log}"
